"""Refusals of requests over HTTP: a status, and JSON with the reason."""

import math
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import msgspec
import structlog
from aiohttp import web

from cedar_voice_bridge.http.close_codes import public_message
from cedar_voice_bridge.translation.errors import DialectError, code_name
from cedar_voice_client import ErrorCode, VoiceClientError

log = structlog.get_logger("cedar_voice.bridge")

_HAS_BEGUN = web.RequestKey("has_begun", bool)
"""Set on a request whose response has begun, so that another one is impossible."""

_STATUSES: Mapping[ErrorCode, int] = {
    ErrorCode.INVALID_MESSAGE: 400,
    ErrorCode.INVALID_CONFIG: 400,
    ErrorCode.PROTOCOL_VIOLATION: 422,
    ErrorCode.UNSUPPORTED_AUDIO_FORMAT: 422,
    ErrorCode.AUDIO_DECODE_FAILED: 422,
    ErrorCode.MESSAGE_TOO_LARGE: 413,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.SESSION_NOT_FOUND: 503,  # the next request opens a new one
    ErrorCode.SESSION_TAKEN_OVER: 409,
    ErrorCode.SESSION_ID_IN_USE: 409,
    ErrorCode.OVERLOADED: 503,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.STT_FAILED: 502,
    ErrorCode.LLM_FAILED: 502,
    ErrorCode.TTS_FAILED: 502,
    ErrorCode.INVALID_ACTION: 502,
    ErrorCode.STAGE_TIMEOUT: 504,
}


class Problem(msgspec.Struct, rename="camel", omit_defaults=True):
    """The reason of a refusal."""

    code: str
    message: str
    field: str = ""
    retryable: bool = False


class Refused(msgspec.Struct):
    """The body of a response that refuses a request."""

    error: Problem


class HttpRefusal(Exception):
    """A refusal of a request.

    Args:
        status: of the response.
        code: error code for programs.
        message: English text for people.
        field: path of the offending field; empty without one.
        retry_after_s: seconds after which a retry may succeed; 0 if a retry is of no use.
    """

    def __init__(
        self, status: int, code: str, message: str, *, field: str = "", retry_after_s: int = 0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.problem = Problem(code, message, field, retry_after_s > 0)
        self._retry_after_s = retry_after_s

    def response(self, *, as_text: bool = False) -> web.Response:
        """Return the response.

        Args:
            as_text: whether the error is the message alone, as some clients expect.
        """
        error = self.problem.message if as_text else self.problem
        response = web.Response(
            body=msgspec.json.encode({"error": error}),
            status=self.status,
            content_type="application/json",
        )
        if self._retry_after_s:
            response.headers["Retry-After"] = str(self._retry_after_s)
        if self.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        return response


def refusal_of(failure: VoiceClientError | DialectError) -> HttpRefusal:
    """Return the refusal of a request that has caused a failure."""
    if isinstance(failure, DialectError):
        code = code_name(failure.code)
        return HttpRefusal(400, code, failure.message, field=failure.field)
    status = _STATUSES.get(failure.code, 500)
    if status == 422 and failure.retryable:  # the request itself is valid
        status = 503
    retry_after_s = max(1, math.ceil(failure.retry_after_ms / 1000)) if status in (429, 503) else 0
    return HttpRefusal(
        status,
        failure.code.name.lower(),
        public_message(failure),
        field=failure.field,
        retry_after_s=retry_after_s,
    )


async def mark_begun(request: web.Request, _: web.StreamResponse) -> None:
    """Record that the response to a request has begun. It is a signal of aiohttp."""
    request[_HAS_BEGUN] = True


@web.middleware
async def convert_refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Convert exceptions of handlers into responses, unless a response has begun."""
    try:
        return await handler(request)
    except HttpRefusal as refusal:
        return refusal.response()
    except (VoiceClientError, DialectError) as failure:
        return refusal_of(failure).response()
    except web.HTTPError as error:
        return _refusal_of_aiohttp(error)
    except Exception:
        log.exception("request broke")
        if _HAS_BEGUN in request:
            raise
        return HttpRefusal(500, "internal", "internal error").response()


def _refusal_of_aiohttp(error: web.HTTPError) -> web.Response:
    """Convert a refusal of aiohttp into JSON: no such path, another method, no socket."""
    code = "invalid_message" if error.status == 400 else HTTPStatus(error.status).name.lower()
    response = HttpRefusal(error.status, code, " ".join((error.text or "").split())).response()
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response
