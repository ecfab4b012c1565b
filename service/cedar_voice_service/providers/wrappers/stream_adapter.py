"""A transcriber over a recognizer of whole recordings: sends requests while the user speaks."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from cedar_voice_service.audio.formats import AudioBlock
from cedar_voice_service.errors import EngineError
from cedar_voice_service.providers.protocols import (
    AudioSent,
    BatchRecognizer,
    Hypothesis,
    Recognized,
    is_final,
)
from cedar_voice_service.providers.wrappers.retry import Attempts, RetryPolicy
from cedar_voice_service.recognition.load import RecognizerLoad
from cedar_voice_service.recognition.rolling_window import RollingWindow
from cedar_voice_service.recognition.transcript import PartialTranscript
from cedar_voice_service.recognition.window import WindowRequest


class StreamAdapter:
    """A `Transcriber` with partials, whose final is ready once silence has lasted.

    The policy is `recognition.rolling_window`. One request of an utterance is under way at a time.
    Only the failure of the last one fails the utterance, and only that is repeated by itself: the
    readings before it stand. Without partials there is still a request at each pause, so that the
    final is ready early.
    """

    def __init__(
        self,
        recognizer: BatchRecognizer,
        policy: RetryPolicy,
        *,
        allows_partials: Callable[[], bool] = lambda: True,
    ) -> None:
        self._recognizer = recognizer
        self._patience = policy
        self._allows_partials = allows_partials
        self._load = RecognizerLoad()

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """Recognize one utterance. See `Transcriber.transcribe`."""
        has_partials = self._allows_partials()
        work = _Work(self._recognizer, self._load, language, has_partials=has_partials)
        attempts = Attempts[Hypothesis | AudioSent](self._patience, is_final)
        try:
            async with aclosing(work.receive(audio)) as partials:
                async for partial in partials:
                    yield partial
            attempts.first_result.start()
            async with aclosing(attempts.run(work.finish)) as results:
                async for result in results:
                    yield result
        finally:
            await work.cancel()


@dataclass(frozen=True, slots=True)
class _OpenRequest:
    """A request that is under way, by its number in the rolling window."""

    number: int
    answer: asyncio.Task[Recognized]


class _Work:
    """One utterance, and its request that is under way."""

    def __init__(
        self,
        recognizer: BatchRecognizer,
        load: RecognizerLoad,
        language: str,
        *,
        has_partials: bool,
    ) -> None:
        self._recognizer = recognizer
        self._load = load
        self._language = language
        self._has_partials = has_partials
        self._utterance = RollingWindow()
        self._open: _OpenRequest | None = None

    async def receive(
        self, audio: AsyncIterator[AudioBlock]
    ) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """Make the requests that are due while audio arrives; yield partials and `AudioSent`."""
        arriving: asyncio.Future[AudioBlock | None] | None = None
        try:
            while True:
                if (sent := await self._request_due()) is not None:
                    yield sent
                if arriving is None and self._open is None:  # the usual case, which needs no task
                    block = await anext(audio, None)
                else:
                    arriving = arriving or asyncio.ensure_future(anext(audio, None))
                    awaited: set[asyncio.Future[Any]] = {arriving}
                    if self._open is not None:
                        awaited.add(self._open.answer)
                    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                    if (answered := self._partial(self._try_to_receive())) is not None:
                        yield answered
                    if not arriving.done():
                        continue
                    block, arriving = arriving.result(), None
                if block is None:
                    break
                if (settled := self._partial(self._utterance.add(block))) is not None:
                    yield settled
        finally:
            if arriving is not None:
                arriving.cancel()
                await asyncio.gather(arriving, return_exceptions=True)
        self._utterance.end()

    async def finish(self) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """Make the last requests and yield the final; may be repeated.

        Raises:
            EngineError: the last request failed.
        """
        while not self._utterance.is_over:
            if (sent := await self._request_due()) is not None:
                yield sent
            if self._open is None:  # nothing is due either, so the text is complete
                break
            await asyncio.wait({self._open.answer})
            self._receive_answer(self._open)
        text, confidence = self._utterance.text, self._utterance.confidence
        yield Hypothesis(text, is_final=True, confidence=confidence)

    async def cancel(self) -> None:
        """Cancel the request that is under way, if any."""
        request, self._open = self._open, None
        if request is not None:
            request.answer.cancel()
            await asyncio.gather(request.answer, return_exceptions=True)

    async def _request_due(self) -> AudioSent | None:
        """Make the request that is due, and cancel the one whose answer is not needed any more."""
        request = self._utterance.due(self._load.step_factor if self._has_partials else None)
        if request is not None or self._utterance.awaited is None:
            await self.cancel()
        if request is None:
            return None
        answer = asyncio.ensure_future(self._recognize(request))
        self._open = _OpenRequest(request.number, answer)
        return AudioSent(round(request.pcm.duration_ms))

    def _try_to_receive(self) -> PartialTranscript | None:
        if self._open is None or not self._open.answer.done():
            return None
        try:
            return self._receive_answer(self._open)
        except EngineError:
            return None  # the last request covers the audio of this one

    def _receive_answer(self, request: _OpenRequest) -> PartialTranscript | None:
        self._open = None
        try:
            answer = request.answer.result()
        except EngineError as error:
            self._utterance.fail(request.number, error.retry_after_ms)
            raise
        return self._utterance.receive(request.number, answer.text, answer.confidence)

    async def _recognize(self, request: WindowRequest) -> Recognized:
        loop = asyncio.get_running_loop()
        began_s, round_trip_ms = loop.time(), None
        self._load.begin()
        try:
            answer = await self._recognizer.recognize(request.pcm, self._language, request.prompt)
            round_trip_ms = (loop.time() - began_s) * 1000
            return answer
        finally:
            self._load.end(round_trip_ms)

    def _partial(self, partial: PartialTranscript | None) -> Hypothesis | None:
        if partial is None or not partial.text:
            return None
        return Hypothesis(
            partial.text,
            is_final=False,
            stable_text=partial.stable_text,
            is_settled=partial.is_settled,
        )
