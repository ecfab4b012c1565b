"""A transcriber over a recognizer that takes whole recordings: asks it again while one speaks."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from cedar_voice_service.audio.ear import Heard
from cedar_voice_service.audio.formats import Pcm
from cedar_voice_service.errors import EngineError
from cedar_voice_service.providers.protocols import Hypothesis
from cedar_voice_service.session.windows.load import Load
from cedar_voice_service.session.windows.transcript import Shown
from cedar_voice_service.session.windows.utterance import Request, Utterance


@dataclass(frozen=True, slots=True)
class Recognized:
    """What was said in a recording; `confidence` is a real figure, 0.0 to 1.0, or None."""

    text: str
    confidence: float | None = None


class BatchRecognizer(Protocol):
    """Speech to text of whole recordings."""

    async def recognize(self, speech: Pcm, language: str, prompt: str) -> Recognized:
        """Recognize a recording.

        Args:
            speech: 16 kHz mono.
            language: BCP-47 tag of what is spoken.
            prompt: what was said before it, "" when it is the beginning.

        Raises:
            EngineError: of stage STT.
        """
        ...


class WindowedTranscriber:
    """A `Transcriber` that gives partials, and a final that is ready when silence has lasted.

    The policy is `session.windows`. One request of an utterance is under way at a time. Only the
    one that the final needs may fail it; any other that fails ends the utterance's partials.
    Without partials it still asks at pauses, so that the final is ready early.
    """

    def __init__(
        self, recognizer: BatchRecognizer, *, wants_partials: Callable[[], bool] = lambda: True
    ) -> None:
        self._recognizer = recognizer
        self._wants_partials = wants_partials
        self._load = Load()

    async def transcribe(
        self, audio: AsyncIterator[Heard], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        """Recognize one utterance. See `Transcriber.transcribe`."""
        has_partials = self._wants_partials()
        work = _Work(self._recognizer, self._load, language, has_partials=has_partials)
        hearing = asyncio.ensure_future(anext(audio, None))
        try:
            while not work.is_over:
                await work.ask()
                await work.wait(hearing)
                if (answered := work.take_answer()) is not None:
                    yield answered
                if hearing.done() and not work.has_ended:
                    block = hearing.result()
                    if (settled := work.hear(block)) is not None:
                        yield settled
                    if block is not None:
                        hearing = asyncio.ensure_future(anext(audio, None))
            yield work.final()
        finally:
            hearing.cancel()
            await work.give_up()
            await asyncio.gather(hearing, return_exceptions=True)


class _Work:
    """One utterance, and the request that is under way for it."""

    def __init__(
        self, recognizer: BatchRecognizer, load: Load, language: str, *, has_partials: bool
    ) -> None:
        self._recognizer = recognizer
        self._load = load
        self._language = language
        self._has_partials = has_partials
        self._utterance = Utterance()
        self._asking: asyncio.Task[Recognized] | None = None
        self.has_ended = False

    @property
    def is_over(self) -> bool:
        """Whether the final stands."""
        return self._utterance.is_over

    def hear(self, block: Heard | None) -> Hypothesis | None:
        """Take what is heard; None for the end of it."""
        if block is not None:
            return self._partial(self._utterance.hear(block))
        self.has_ended = True
        self._utterance.end()
        return None

    async def ask(self) -> None:
        """Make the request that is due, and give up the one that nobody waits for any more."""
        request = self._utterance.due(self._load.step_factor if self._has_partials else None)
        if request is not None or self._utterance.awaited is None:
            await self.give_up()
        if request is not None:
            self._asking = asyncio.ensure_future(self._recognize(request))

    async def wait(self, hearing: asyncio.Future[Heard | None]) -> None:
        """Wait for more sound or for the answer."""
        awaited = {each for each in (self._asking, None if self.has_ended else hearing) if each}
        if awaited:
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)

    def take_answer(self) -> Hypothesis | None:
        """Take the answer, if it is there.

        Raises:
            EngineError: the final cannot be had.
        """
        number = self._utterance.awaited
        if self._asking is None or number is None or not self._asking.done():
            return None
        asking, self._asking = self._asking, None
        try:
            answer = asking.result()
        except EngineError:
            if self._utterance.fail(number):
                raise
            self._has_partials = False
            return None
        return self._partial(self._utterance.take(number, answer.text, answer.confidence))

    async def give_up(self) -> None:
        """Cancel the request that is under way, if one is."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    def final(self) -> Hypothesis:
        """All that was said."""
        utterance = self._utterance
        return Hypothesis(
            utterance.text,
            is_final=True,
            confidence=utterance.confidence,
            sent_ms=utterance.sent_ms,
        )

    async def _recognize(self, request: Request) -> Recognized:
        loop = asyncio.get_running_loop()
        began_s, round_trip_ms = loop.time(), None
        self._load.begin()
        try:
            answer = await self._recognizer.recognize(request.pcm, self._language, request.prompt)
            round_trip_ms = (loop.time() - began_s) * 1000
            return answer
        finally:
            self._load.end(round_trip_ms)

    def _partial(self, shown: Shown | None) -> Hypothesis | None:
        if shown is None or not shown.text:
            return None
        return Hypothesis(
            shown.text,
            is_final=False,
            stable_text=shown.stable_text,
            is_settled=shown.is_settled,
            sent_ms=self._utterance.sent_ms,
        )
