"""An engine that stands in for another while that one fails.

A transcript comes from whoever makes it final, a reply from whoever wrote its first part, and a
phrase is spoken as a whole by one of them: the one that failed in the middle is followed by the
other from the beginning of that phrase.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from cedar_voice_service.audio.ear import Heard
from cedar_voice_service.audio.formats import Sound
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.protocols import (
    AudioSent,
    Hypothesis,
    ReplyPart,
    ReplyRequest,
    Responder,
    SpeechRequest,
    SpeechRestarted,
    Synthesizer,
    Transcriber,
    is_final,
)
from cedar_voice_service.providers.wrappers.circuit_breaker import CircuitBreaker
from cedar_voice_service.providers.wrappers.replayable_audio import ReplayableAudio

log = structlog.get_logger("cedar_voice.engines")

Engine = TypeVar("Engine")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class NamedEngine(Generic[Engine]):
    """An engine, and what it is called in the log."""

    name: str
    engine: Engine


@dataclass(frozen=True, slots=True)
class PrimaryAndFallback(Generic[Engine]):
    """The engine of a stage, the one that stands in for it, and when that is."""

    stage: Stage
    first: NamedEngine[Engine]
    second: NamedEngine[Engine]
    breaker: CircuitBreaker


class FallbackTranscriber:
    """Speech to text; the second engine gets the utterance from its beginning."""

    def __init__(self, engines: PrimaryAndFallback[Transcriber]) -> None:
        self._engines = engines

    async def transcribe(
        self, audio: AsyncIterator[Heard], language: str
    ) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """Recognize one utterance. See `Transcriber.transcribe`."""
        utterance = ReplayableAudio(audio)
        request = _Request[Transcriber, Hypothesis | AudioSent](self._engines, is_final)
        results = request.run(lambda engine: engine.transcribe(utterance.from_start(), language))
        async with aclosing(results):
            async for result in results:
                yield result


class FallbackResponder:
    """Language model; a reply of which a part was given is not begun anew."""

    def __init__(self, engines: PrimaryAndFallback[Responder]) -> None:
        self._engines = engines

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        """Answer the conversation so far. See `Responder.respond`."""
        asked = _Request[Responder, ReplyPart](self._engines)
        async with aclosing(asked.run(lambda engine: engine.respond(request))) as parts:
            async for part in parts:
                yield part


class FallbackSynthesizer:
    """Text to speech; goes on with the phrase in which the first engine failed."""

    def __init__(self, engines: PrimaryAndFallback[Synthesizer]) -> None:
        self._engines = engines

    async def synthesize(
        self, request: SpeechRequest
    ) -> AsyncGenerator[Sound | SpeechRestarted, None]:
        """Speak one phrase. See `Synthesizer.synthesize`."""
        asked = _Request[Synthesizer, Sound | SpeechRestarted](
            self._engines, void=SpeechRestarted()
        )
        async with aclosing(asked.run(lambda engine: engine.synthesize(request))) as sounds:
            async for sound in sounds:
                yield sound


def _always(_: object) -> bool:
    return True


class _Request(Generic[Engine, Result]):
    """One request to a pair of engines.

    Args:
        counts: whether a result is what was asked for.
        void: what to yield when results that count are void because the other engine begins anew;
            None where they cannot be taken back.
    """

    def __init__(
        self,
        engines: PrimaryAndFallback[Engine],
        counts: Callable[[Result], bool] = _always,
        void: Result | None = None,
    ) -> None:
        self._engines = engines
        self._counts = counts
        self._void = void
        self._has_counted = False

    async def run(
        self, ask: Callable[[Engine], AsyncGenerator[Result, None]]
    ) -> AsyncGenerator[Result, None]:
        """The results of the engine that answers.

        Raises:
            EngineError: of the second engine, or of the first where its results stand.
        """
        engines = self._engines
        if engines.breaker.admits(_now_ms()):
            try:
                async with aclosing(self._ask_first(ask)) as results:
                    async for result in results:
                        yield result
                return
            except EngineError as error:
                self._note_failure(error)
                if self._has_counted and self._void is None:
                    raise
                if self._has_counted and self._void is not None:
                    yield self._void
        log.info("fallback asked", stage=engines.stage.value, engine=engines.second.name)
        async with aclosing(ask(engines.second.engine)) as results:
            async for result in results:
                yield result
        log.info("engine answered", stage=engines.stage.value, engine=engines.second.name)

    async def _ask_first(
        self, ask: Callable[[Engine], AsyncGenerator[Result, None]]
    ) -> AsyncGenerator[Result, None]:
        engines = self._engines
        async with aclosing(ask(engines.first.engine)) as results:
            async for result in results:
                self._has_counted = self._has_counted or self._counts(result)
                yield result
        if engines.breaker.is_open:
            log.info("engine is back", stage=engines.stage.value, engine=engines.first.name)
        engines.breaker.succeeded()
        log.debug("engine answered", stage=engines.stage.value, engine=engines.first.name)

    def _note_failure(self, error: EngineError) -> None:
        engines = self._engines
        engines.breaker.failed(_now_ms(), retry_after_ms=error.retry_after_ms)
        log.warning(
            "engine failed",
            stage=engines.stage.value,
            engine=engines.first.name,
            code=error.code.value,
            retryable=error.retryable,
            is_given_up=engines.breaker.is_open,
        )


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)
