"""An engine that replaces another while that one fails.

A transcript comes from the engine that makes it final, a reply from the engine that wrote its first
part, and a phrase is spoken as a whole by one of them: after a failure in the middle of a phrase
the other engine begins the phrase anew.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic

import structlog

from cedar_voice_service.errors import EngineError
from cedar_voice_service.providers.wrappers.circuit_breaker import CircuitBreaker
from cedar_voice_service.providers.wrappers.stage import (
    Engine,
    Request,
    Requesting,
    Result,
    StageKind,
)

log = structlog.get_logger("cedar_voice.engines")


@dataclass(frozen=True, slots=True)
class NamedEngine(Generic[Engine]):
    """An engine with its name in the log."""

    name: str
    engine: Engine


@dataclass(frozen=True, slots=True)
class PrimaryAndFallback(Generic[Engine]):
    """The engine of a stage, its replacement, and the breaker that decides between them."""

    primary: NamedEngine[Engine]
    fallback: NamedEngine[Engine]
    breaker: CircuitBreaker


def with_fallback(
    kind: StageKind[Engine, Request, Result], engines: PrimaryAndFallback[Engine]
) -> Engine:
    """Return an engine whose requests go to the fallback engine while the primary one fails."""

    def falling_back(request: Request) -> AsyncGenerator[Result, None]:
        return _FallbackRequest(kind, engines).run(kind.replay(request, lambda: None))

    return kind.engine(falling_back)


class _FallbackRequest(Generic[Engine, Request, Result]):
    """One request to two engines."""

    def __init__(
        self, kind: StageKind[Engine, Request, Result], engines: PrimaryAndFallback[Engine]
    ) -> None:
        self._kind = kind
        self._engines = engines
        self._has_useful = False

    async def run(self, next_request: Callable[[], Request]) -> AsyncGenerator[Result, None]:
        """Yield the results of the engine that answers.

        Raises:
            EngineError: of the fallback engine, or of the primary one whose results stand.
        """
        marker = self._kind.restart_marker
        if self._engines.breaker.admits(_now_ms()):
            try:
                async with aclosing(self._run_primary(next_request)) as results:
                    async for result in results:
                        yield result
                return
            except EngineError as error:
                self._record_failure(error)
                if self._has_useful:
                    if marker is None:
                        raise
                    yield marker
        fallback = self._engines.fallback
        self._log_info("fallback asked", fallback)
        async with aclosing(self._requesting(fallback)(next_request())) as results:
            async for result in results:
                yield result
        self._log_info("engine answered", fallback)

    async def _run_primary(
        self, next_request: Callable[[], Request]
    ) -> AsyncGenerator[Result, None]:
        primary, breaker = self._engines.primary, self._engines.breaker
        async with aclosing(self._requesting(primary)(next_request())) as results:
            async for result in results:
                self._has_useful = self._has_useful or self._kind.is_useful(result)
                yield result
        if breaker.is_open:
            self._log_info("engine is back", primary)
        breaker.succeeded()
        log.debug("engine answered", stage=self._kind.stage.value, engine=primary.name)

    def _requesting(self, named: NamedEngine[Engine]) -> Requesting[Request, Result]:
        return self._kind.requesting(named.engine)

    def _log_info(self, event: str, named: NamedEngine[Engine]) -> None:
        log.info(event, stage=self._kind.stage.value, engine=named.name)

    def _record_failure(self, error: EngineError) -> None:
        breaker = self._engines.breaker
        breaker.failed(_now_ms(), retry_after_ms=error.retry_after_ms)
        log.warning(
            "engine failed",
            stage=self._kind.stage.value,
            engine=self._engines.primary.name,
            code=error.code.value,
            retryable=error.retryable,
            is_given_up=breaker.is_open,
        )


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)
