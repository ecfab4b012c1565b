"""Engines with delays and failures from a seed, and with transcripts that show their input.

Spoken words are numbers: a chunk of audio whose samples all have one value is transcribed as that
value. So a transcript shows which chunks arrived, in which order, and how often.
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
    """Return the chunk that is transcribed as this number."""
    return array("h", [number] * CHUNK_SAMPLES).tobytes()


def seeded_engines(chance: Random) -> Engines:
    """Return the engines of one seed; in some seeds they fail occasionally."""
    failing = chance.choice((0.0, 0.0, 0.15))
    return Engines(
        _Transcriber(chance, failing),
        _Responder(chance, failing),
        _Synthesizer(chance, failing),
        infos={},
    )


class LevelDetector:
    """Detects every sample that is not zero as speech. See `SpeechDetector`."""

    def __init__(self, threshold: float, min_speech_ms: int) -> None:
        self.is_in_speech = False
        self._fed_ms = 0

    def tune(self, threshold: float, min_speech_ms: int) -> None:
        """Do nothing: there is no threshold."""

    def feed(self, pcm: Pcm) -> list[SpeechEdge]:
        """Return the edge at the front of a block, if there is one."""
        at_ms, self._fed_ms = self._fed_ms, self._fed_ms + round(pcm.duration_ms)
        return self._edge(any(pcm.data), at_ms)

    def flush(self) -> list[SpeechEdge]:
        """Return the end of speech at the end of the recording."""
        return self._edge(False, self._fed_ms)

    def _edge(self, is_speech: bool, at_ms: int) -> list[SpeechEdge]:
        if is_speech is self.is_in_speech:
            return []
        self.is_in_speech = is_speech
        return [SpeechEdge(EdgeKind.STARTED if is_speech else EdgeKind.STOPPED, at_ms)]


class _Engine:
    """Base of the engines: delays and failures from the seed."""

    def __init__(self, chance: Random, failing: float) -> None:
        self._chance = chance
        self._failing = failing

    async def _delay_or_fail(self, stage: Stage) -> None:
        if self._chance.random() < self._failing:
            raise EngineError(stage, "chosen by the seed")
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
        await self._delay_or_fail(Stage.STT)
        yield Hypothesis(_text(numbers), is_final=True)


def _text(numbers: list[int]) -> str:
    return " ".join(map(str, numbers))


class _Responder(_Engine):
    def __init__(self, chance: Random, failing: float) -> None:
        super().__init__(chance, failing)
        self._calls = 0

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        for number in range(self._chance.randint(1, 6)):
            await self._delay_or_fail(Stage.LLM)
            yield ReplyText(f"This is sentence {number}. ")
        if request.tools and self._chance.random() < 0.5:
            self._calls += 1
            yield ToolCall(f"call-{self._calls}", ACTION, "{}")
        await self._delay_or_fail(Stage.LLM)
        yield ReplyEnd()


class _Synthesizer(_Engine):
    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        for _ in range(self._chance.randint(1, 8)):
            await self._delay_or_fail(Stage.TTS)
            yield Pcm(bytes(3_200), 16_000)
