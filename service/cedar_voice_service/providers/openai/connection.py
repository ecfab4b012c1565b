"""The connections of the OpenAI engines: one pool, timed waits, and errors in our terms.

Every wait for a useful result of a server goes through `timed_wait` or `timed_results`, and
`translated_errors` is the one place that turns the vendor's exceptions into `EngineError`.
"""

import asyncio
import json
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import anyio
import httpx2
from openai import APIStatusError, AsyncOpenAI, DefaultAioHttpClient, OpenAIError
from websockets.exceptions import InvalidStatus, WebSocketException

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.deadlines import STAGE_NAMES, too_slow
from cedar_voice_service.providers.openai.endpoint import Endpoint

KEEP_ALIVE_S = 300
"""Time for which an unused connection is kept: a turn after a pause needs no new handshake."""

_LIMITS = httpx2.Limits(max_connections=1_000, keepalive_expiry=KEEP_ALIVE_S)
_NO_KEY = "none"
_LONGEST_RETRY_AFTER_S = 3_600
_RETRYABLE_STATUSES = (408, 409, 429)
_LASTING_KINDS = ("invalid_request_error", "authentication_error", "permission_error")
_EXHAUSTED_CODES = ("insufficient_quota", "billing_hard_limit_reached")

Result = TypeVar("Result")


@asynccontextmanager
async def connected(endpoint: Endpoint) -> AsyncIterator[AsyncOpenAI]:
    """Open a client of the server, on the connection pool that all clients share.

    The client neither repeats nor times requests. Wrappers of the engine repeat them, because one
    request does not know its attempts and their deadline; and the transport's own timer counts any
    byte as progress, also a comment that only keeps the connection open. The transport times
    connecting alone, because nothing else sees it.
    """
    connect_s = endpoint.deadlines.connect_ms / 1000
    async with _shared_pool() as pool:
        yield AsyncOpenAI(
            # The SDK knows OpenAI's address. It requires a key, which local servers ignore.
            base_url=endpoint.base_url or None,
            api_key=endpoint.api_key or _NO_KEY,
            http_client=pool,
            timeout=httpx2.Timeout(None, connect=connect_s),
            max_retries=0,
        )


@asynccontextmanager
async def timed_wait(endpoint: Endpoint) -> AsyncIterator[None]:
    """Bound the wait for the first result of a server, connecting included.

    Raises:
        EngineError: of the endpoint's stage, for every failure; code STAGE_TIMEOUT if no useful
            result came in time.
    """
    limit_ms = endpoint.deadlines.first_result_ms
    with translated_errors(endpoint.stage):
        try:
            async with asyncio.timeout(limit_ms / 1000):
                yield
        except TimeoutError as error:
            raise too_slow(endpoint.stage, limit_ms) from error


@contextmanager
def translated_errors(stage: Stage) -> Iterator[None]:
    """Raise every exception of the vendor's libraries as an `EngineError` of a stage."""
    name = STAGE_NAMES[stage]
    try:
        yield
    except APIStatusError as error:
        raise _refusal(stage, error.status_code, error.code, error.response.headers) from error
    except InvalidStatus as error:
        answer = error.response
        code = _code_in(answer.body)
        raise _refusal(stage, answer.status_code, code, answer.headers) from error
    # A certificate that is not trusted is an OSError and a ValueError.
    except (OpenAIError, httpx2.HTTPError, WebSocketException, OSError, anyio.EndOfStream) as error:
        raise EngineError(stage, f"the connection to {name} failed") from error
    except ValueError as error:
        raise EngineError(stage, f"{name} gave an unreadable answer") from error


async def timed_results(
    endpoint: Endpoint, results: AsyncGenerator[Result, None]
) -> AsyncGenerator[Result, None]:
    """Yield the useful results of a server, each awaited within the deadlines."""
    stage, deadlines, loop = endpoint.stage, endpoint.deadlines, asyncio.get_running_loop()
    limit_ms, left_ms = deadlines.first_result_ms, deadlines.total_ms
    with translated_errors(stage):
        async with aclosing(results):
            while True:
                asked_at_s = loop.time()
                wait_ms = max(1, min(limit_ms, left_ms))
                try:
                    async with asyncio.timeout(wait_ms / 1000):
                        result = await anext(results, None)
                except TimeoutError as error:
                    raise too_slow(stage, wait_ms) from error
                if result is None:
                    return
                left_ms -= round((loop.time() - asked_at_s) * 1000)
                limit_ms = deadlines.next_result_ms
                yield result


def reported_failure(stage: Stage, kind: str | None, code: str | None) -> EngineError:
    """Return the error for a failure that a server reports on an open connection.

    Args:
        stage: the stage of the server.
        kind: the vendor's class of errors; an error of the request lasts, every other may pass.
        code: the vendor's name of the error, which is shown.
    """
    shown = _plain(code) or _plain(kind)
    return EngineError(
        stage,
        f"{STAGE_NAMES[stage]} reported a failure" + (f" ({shown})" if shown else ""),
        retryable=kind not in _LASTING_KINDS and code not in _EXHAUSTED_CODES,
    )


def _refusal(
    stage: Stage, status: int, code: str | None, headers: Mapping[str, str]
) -> EngineError:
    shown = _plain(code)
    detail = f"status {status}" + (f", {shown}" if shown else "")
    may_pass = status in _RETRYABLE_STATUSES or status >= 500
    return EngineError(
        stage,
        f"{STAGE_NAMES[stage]} refused the request ({detail})",
        retryable=may_pass and code not in _EXHAUSTED_CODES,
        retry_after_ms=_retry_after_ms(headers.get("retry-after", "")),
    )


def _code_in(body: bytes | None) -> str | None:
    """Return the vendor's name of an error, from the JSON that refuses a handshake."""
    try:
        code = json.loads(body or b"")["error"]["code"]
    except (ValueError, LookupError, TypeError):
        return None
    return code if isinstance(code, str) else None


def _plain(code: str | None) -> str | None:
    """Return a code that is safe to show: a message may quote a key or the conversation."""
    return code if re.fullmatch(r"[a-z0-9_.-]{1,64}", code or "") else None


def _retry_after_ms(header: str) -> int:
    """Read a Retry-After in seconds; a date, or nonsense, leaves the wait to the caller."""
    try:
        seconds = float(header)
    except ValueError:
        return 0
    if not math.isfinite(seconds) or seconds < 0:
        return 0
    return math.ceil(min(seconds, _LONGEST_RETRY_AFTER_S) * 1000)


@dataclass(slots=True)
class _Lease:
    """A connection pool and the number of its users."""

    pool: httpx2.AsyncClient
    user_count: int = 0


# A pool belongs to the event loop that opened its connections. One loop runs in a service process.
_leases: dict[asyncio.AbstractEventLoop, _Lease] = {}


@asynccontextmanager
async def _shared_pool() -> AsyncIterator[httpx2.AsyncClient]:
    loop = asyncio.get_running_loop()
    if loop not in _leases:
        # A request of it needs a third less processor time than one of the SDK's own default.
        _leases[loop] = _Lease(DefaultAioHttpClient(limits=_LIMITS, timeout=None))
    lease = _leases[loop]
    lease.user_count += 1
    try:
        yield lease.pool
    finally:
        lease.user_count -= 1
        if not lease.user_count:
            del _leases[loop]
            await lease.pool.aclose()
