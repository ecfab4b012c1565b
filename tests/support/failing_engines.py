"""Engines that fail by a script, for the layers between engines and sessions."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

from cedar_voice_service.audio.formats import AudioBlock, Pcm
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.protocols import (
    AudioSent,
    Hypothesis,
    ReplyEnd,
    ReplyPart,
    ReplyRequest,
    ReplyText,
    SpeechRequest,
)
from cedar_voice_service.runtime.audio_feed import AudioFeed


@dataclass(frozen=True, slots=True)
class Run:
    """The course of one request: a number of delayed results, then optionally a failure."""

    results: int = 0
    error: EngineError | None = None
    every_ms: int = 0
    hangs: bool = False


def failed(stage: Stage, *, retryable: bool = True, retry_after_ms: int = 0) -> EngineError:
    """An error of an engine."""
    return EngineError(stage, "scripted", retryable=retryable, retry_after_ms=retry_after_ms)


class _Engine:
    """Follows the runs one after the other, and repeats the last one."""

    def __init__(self, name: str, *runs: Run) -> None:
        self.name = name
        self.asked_at_ms: list[int] = []
        self.open_requests = 0
        self._runs: Sequence[Run] = runs or (Run(3),)

    async def _follow(self) -> AsyncGenerator[int, None]:
        run = self._runs[min(len(self.asked_at_ms), len(self._runs) - 1)]
        self.asked_at_ms.append(round(asyncio.get_running_loop().time() * 1000))
        self.open_requests += 1
        try:
            for number in range(run.results):
                await asyncio.sleep(run.every_ms / 1000)
                yield number
            if run.hangs:
                await asyncio.Event().wait()
            if run.error is not None:
                raise run.error
        finally:
            self.open_requests -= 1


class FailingResponder(_Engine):
    """Writes its name and a number in each part."""

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        """See `Responder.respond`."""
        async for number in self._follow():
            yield ReplyText(f"{self.name}{number} ")
        yield ReplyEnd()


class FailingSynthesizer(_Engine):
    """Speaks blocks of which every byte is the first letter of its name."""

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        """See `Synthesizer.synthesize`."""
        async for _ in self._follow():
            yield Pcm(self.name[:1].encode() * 480, 24_000)


class FailingTranscriber(_Engine):
    """Counts the received blocks; a partial with each, except in a run that fails before.

    It reports each block as sent when it arrives.
    """

    def __init__(self, name: str, *runs: Run) -> None:
        super().__init__(name, *runs)
        self.heard: list[list[int]] = []

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """See `Transcriber.transcribe`."""
        ends: list[int] = []
        self.heard.append(ends)
        steps = self._follow()
        async for block in audio:
            ends.append(block.end_ms)
            yield AudioSent(round(block.pcm.duration_ms))
            if await anext(steps, None) is not None:
                words = " ".join(f"{self.name}{end_ms}" for end_ms in ends)
                yield Hypothesis(words, is_final=False, stable_text=words)
        async for _ in steps:
            pass
        yield Hypothesis(f"{self.name} {len(ends)}", is_final=True)


def fed(*ends_ms: int) -> AudioFeed:
    """Return a closed feed with the audio blocks of an utterance."""
    feed = AudioFeed(100)
    for end_ms in ends_ms:
        feed.put(AudioBlock(Pcm(b"\0\0" * 1_600), end_ms))
    feed.close()
    return feed
