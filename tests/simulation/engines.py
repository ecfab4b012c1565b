"""Engines whose delays and failures come out of a seed, and that tell what they were given.

Spoken words are numbers: a chunk of sound whose samples all have one value is heard as that value.
So a transcript tells which chunks came, in which order, and how often.
"""

import asyncio
from array import array
from collections.abc import AsyncGenerator, AsyncIterator
from random import Random

from cedar_voice_service.audio.formats import AudioBlock, EdgeKind, Pcm, SpeechEdge
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.engines import Engines
from cedar_voice_service.providers.protocols import (
    Hypothesis,
    ReplyEnd,
    ReplyPart,
    ReplyRequest,
    ReplyText,
    SpeechRequest,
    ToolCall,
)

CHUNK_MS = 100
CHUNK_SAMPLES = 1_600
ACTION = "mark"
"""The tool that the model calls."""


def sound_of(number: int) -> bytes:
    """The chunk that is heard as this number."""
    return array("h", [number] * CHUNK_SAMPLES).tobytes()


def seeded_engines(chance: Random) -> Engines:
    """Engines of one seed; some fail now and then, in some seeds."""
    failing = chance.choice((0.0, 0.0, 0.15))
    return Engines(
        _Transcriber(chance, failing),
        _Responder(chance, failing),
        _Synthesizer(chance, failing),
        infos={},
    )


class LevelDetector:
    """Speech is whatever is not silence. See `SpeechDetector`."""

    def __init__(self, threshold: float, min_speech_ms: int) -> None:
        self.is_in_speech = False
        self._heard_ms = 0

    def tune(self, threshold: float, min_speech_ms: int) -> None:
        """There is nothing to tune."""

    def feed(self, pcm: Pcm) -> list[SpeechEdge]:
        """The edge at the front of a block, if there is one."""
        at_ms, self._heard_ms = self._heard_ms, self._heard_ms + round(pcm.duration_ms)
        return self._turn(any(pcm.data), at_ms)

    def flush(self) -> list[SpeechEdge]:
        """Speech ends with the recording."""
        return self._turn(False, self._heard_ms)

    def _turn(self, is_speech: bool, at_ms: int) -> list[SpeechEdge]:
        if is_speech is self.is_in_speech:
            return []
        self.is_in_speech = is_speech
        return [SpeechEdge(EdgeKind.STARTED if is_speech else EdgeKind.STOPPED, at_ms)]


class _Engine:
    """What the engines share: they take their time, and fail."""

    def __init__(self, chance: Random, failing: float) -> None:
        self._chance = chance
        self._failing = failing

    async def _take_time(self, stage: Stage) -> None:
        if self._chance.random() < self._failing:
            raise EngineError(stage, "as the seed wants it")
        await asyncio.sleep(self._chance.choice((0.0, 0.02, 0.4)) * self._chance.random())


class _Transcriber(_Engine):
    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        numbers: list[int] = []
        async for block in audio:
            for sample in array("h", block.pcm.data)[:: CHUNK_SAMPLES // 10]:
                if not numbers or numbers[-1] != sample:
                    numbers.append(sample)
                    yield Hypothesis(_text(numbers), is_final=False)
        await self._take_time(Stage.STT)
        yield Hypothesis(_text(numbers), is_final=True)


def _text(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


class _Responder(_Engine):
    def __init__(self, chance: Random, failing: float) -> None:
        super().__init__(chance, failing)
        self._calls = 0

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        for number in range(self._chance.randint(1, 6)):
            await self._take_time(Stage.LLM)
            yield ReplyText(f"This is sentence {number}. ")
        if request.tools and self._chance.random() < 0.5:
            self._calls += 1
            yield ToolCall(f"call-{self._calls}", ACTION, "{}")
        await self._take_time(Stage.LLM)
        yield ReplyEnd()


class _Synthesizer(_Engine):
    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        for _ in range(self._chance.randint(1, 8)):
            await self._take_time(Stage.TTS)
            yield Pcm(bytes(3_200), 16_000)
