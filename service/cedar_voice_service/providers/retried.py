"""Engines that are asked again when they fail, as long as nothing was made of their answer.

That is: until a transcript is final, until the first part of a reply, and for speech always,
because a phrase can be begun anew. Whatever happens, the first useful result comes within the
deadline of its stage, or an error does.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from cedar_voice_service.audio.ear import Heard
from cedar_voice_service.audio.formats import Sound
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.deadlines import FirstResult
from cedar_voice_service.providers.protocols import (
    Hypothesis,
    ReplyPart,
    ReplyRequest,
    Responder,
    SpeechRequest,
    SpeechRestarted,
    Synthesizer,
    Transcriber,
)
from cedar_voice_service.providers.utterance import Utterance

Result = TypeVar("Result")

# Full jitter: anything between nothing and 200 ms, then 400 ms, and so on.
_BACKOFF = wait_random_exponential(multiplier=0.2, max=2.0)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often an engine is asked, and for how long: milliseconds to the first useful result."""

    stage: Stage
    max_attempts: int
    first_result_ms: int


class RetriedTranscriber:
    """Speech to text; a new attempt gets the utterance from its beginning."""

    def __init__(self, transcriber: Transcriber, patience: Patience) -> None:
        self._transcriber = transcriber
        self._patience = patience

    async def transcribe(
        self, audio: AsyncIterator[Heard], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        """Recognize one utterance. See `Transcriber.transcribe`."""
        attempts = _Attempts[Hypothesis](self._patience, lambda heard: heard.is_final)
        utterance = Utterance(audio, attempts.first_result.start)
        results = attempts.run(
            lambda: self._transcriber.transcribe(utterance.from_start(), language)
        )
        async with aclosing(results):
            async for hypothesis in results:
                if utterance.goes_on(hypothesis):
                    yield hypothesis


class RetriedResponder:
    """Language model."""

    def __init__(self, responder: Responder, patience: Patience) -> None:
        self._responder = responder
        self._patience = patience

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        """Answer the conversation so far. See `Responder.respond`."""
        attempts = _Attempts[ReplyPart](self._patience)
        attempts.first_result.start()
        async with aclosing(attempts.run(lambda: self._responder.respond(request))) as parts:
            async for part in parts:
                yield part


class RetriedSynthesizer:
    """Text to speech; a phrase that was cut is begun anew."""

    def __init__(self, synthesizer: Synthesizer, patience: Patience) -> None:
        self._synthesizer = synthesizer
        self._patience = patience

    async def synthesize(
        self, request: SpeechRequest
    ) -> AsyncGenerator[Sound | SpeechRestarted, None]:
        """Speak one phrase. See `Synthesizer.synthesize`."""
        attempts = _Attempts[Sound | SpeechRestarted](self._patience, void=SpeechRestarted())
        attempts.first_result.start()
        async with aclosing(attempts.run(lambda: self._synthesizer.synthesize(request))) as sounds:
            async for sound in sounds:
                yield sound


def _always(_: object) -> bool:
    return True


class _Attempts(Generic[Result]):
    """The attempts to get one answer.

    Args:
        counts: whether a result is the useful one that is waited for.
        void: what to yield when useful results do not count any more because of a new attempt;
            None where they cannot be taken back.
    """

    def __init__(
        self,
        patience: Patience,
        counts: Callable[[Result], bool] = _always,
        void: Result | None = None,
    ) -> None:
        self.first_result = FirstResult(patience.stage, patience.first_result_ms)
        self._max_attempts = patience.max_attempts
        self._counts = counts
        self._void = void
        self._has_counted = False

    async def run(
        self, ask: Callable[[], AsyncGenerator[Result, None]]
    ) -> AsyncGenerator[Result, None]:
        """The results of the first attempt that succeeds.

        Raises:
            EngineError: of the last attempt.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception(self._may_repeat),
            wait=_pause_s,
            stop=self._is_enough,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                if self._has_counted and self._void is not None:
                    yield self._void
                    self._has_counted = False
                    self.first_result.start()
                async with aclosing(ask()) as results:
                    while (result := await self._next(results)) is not None:
                        yield result

    async def _next(self, results: AsyncGenerator[Result, None]) -> Result | None:
        if self._has_counted:
            return await anext(results, None)
        async with self.first_result.awaited():
            result = await anext(results, None)
        self._has_counted = result is not None and self._counts(result)
        return result

    def _may_repeat(self, error: BaseException) -> bool:
        is_new = not self._has_counted or self._void is not None
        return isinstance(error, EngineError) and error.retryable and is_new

    def _is_enough(self, state: RetryCallState) -> bool:
        if state.attempt_number >= self._max_attempts:
            return True
        return not self._has_counted and not self.first_result.is_worth(state.upcoming_sleep)


def _pause_s(state: RetryCallState) -> float:
    """The backoff, after the time for which the server asked to be left alone."""
    error = state.outcome.exception() if state.outcome else None
    asked_ms = error.retry_after_ms if isinstance(error, EngineError) else 0
    return asked_ms / 1000 + _BACKOFF(state)
