"""A transcriber over a recognizer that takes whole recordings: asks it again while one speaks."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from cedar_voice_service.audio.ear import Heard
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
    """A `Transcriber` that gives partials, and a final that is ready when silence has lasted.

    The policy is `session.windows`. One request of an utterance is under way at a time. Only the
    last one may fail it, and only that is made again by itself: what was read before it stands.
    Without partials it still asks at pauses, so that the final is ready early.
    """

    def __init__(
        self,
        recognizer: BatchRecognizer,
        policy: RetryPolicy,
        *,
        wants_partials: Callable[[], bool] = lambda: True,
    ) -> None:
        self._recognizer = recognizer
        self._patience = policy
        self._wants_partials = wants_partials
        self._load = RecognizerLoad()

    async def transcribe(
        self, audio: AsyncIterator[Heard], language: str
    ) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """Recognize one utterance. See `Transcriber.transcribe`."""
        has_partials = self._wants_partials()
        work = _Work(self._recognizer, self._load, language, has_partials=has_partials)
        attempts = Attempts[Hypothesis | AudioSent](self._patience, is_final)
        try:
            async with aclosing(work.hear(audio)) as partials:
                async for told in partials:
                    yield told
            attempts.first_result.start()
            async with aclosing(attempts.run(work.finish)) as results:
                async for told in results:
                    yield told
        finally:
            await work.give_up()


class _Work:
    """One utterance, and the request that is under way for it."""

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
        self._asking: asyncio.Task[Recognized] | None = None

    async def hear(
        self, audio: AsyncIterator[Heard]
    ) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """Ask about what is heard, as long as something is."""
        hearing: asyncio.Future[Heard | None] | None = None
        try:
            while True:
                if (sent := await self._ask()) is not None:
                    yield sent
                if hearing is None and self._asking is None:  # mostly so; it costs no task
                    block = await anext(audio, None)
                else:
                    hearing = hearing or asyncio.ensure_future(anext(audio, None))
                    awaited: set[asyncio.Future[Any]] = {hearing}
                    if self._asking is not None:
                        awaited.add(self._asking)
                    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
                    if (answered := self._partial(self._try_to_take())) is not None:
                        yield answered
                    if not hearing.done():
                        continue
                    block, hearing = hearing.result(), None
                if block is None:
                    break
                if (settled := self._partial(self._utterance.hear(block))) is not None:
                    yield settled
        finally:
            if hearing is not None:
                hearing.cancel()
                await asyncio.gather(hearing, return_exceptions=True)
        self._utterance.end()

    async def finish(self) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """Ask for what the final lacks; may be tried again.

        Raises:
            EngineError: the final cannot be had.
        """
        while not self._utterance.is_over:
            if (sent := await self._ask()) is not None:
                yield sent
            assert self._asking is not None
            await asyncio.wait({self._asking})
            self._take_answer()
        text, confidence = self._utterance.text, self._utterance.confidence
        yield Hypothesis(text, is_final=True, confidence=confidence)

    async def give_up(self) -> None:
        """Cancel the request that is under way, if one is."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self) -> AudioSent | None:
        """Make the request that is due, and give up the one that nobody waits for any more."""
        request = self._utterance.due(self._load.step_factor if self._has_partials else None)
        if request is not None or self._utterance.awaited is None:
            await self.give_up()
        if request is None:
            return None
        self._asking = asyncio.ensure_future(self._recognize(request))
        return AudioSent(round(request.pcm.duration_ms))

    def _try_to_take(self) -> PartialTranscript | None:
        if self._asking is None or not self._asking.done():
            return None
        try:
            return self._take_answer()
        except EngineError:
            return None  # the last request holds what this one was about

    def _take_answer(self) -> PartialTranscript | None:
        number, asking, self._asking = self._utterance.awaited, self._asking, None
        assert number is not None and asking is not None
        try:
            answer = asking.result()
        except EngineError as error:
            self._utterance.fail(number, error.retry_after_ms)
            raise
        return self._utterance.take(number, answer.text, answer.confidence)

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

    def _partial(self, shown: PartialTranscript | None) -> Hypothesis | None:
        if shown is None or not shown.text:
            return None
        return Hypothesis(
            shown.text,
            is_final=False,
            stable_text=shown.stable_text,
            is_settled=shown.is_settled,
        )
