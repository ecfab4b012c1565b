"""Engines that follow a script: the embedded default of the language model, and doubles for tests.

None of them needs a model, a key or the network, and none of them waits.
"""

import math
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import cycle

from cedar_voice_service.audio.formats import SAMPLE_BYTES, AudioBlock, Pcm
from cedar_voice_service.providers.protocols import (
    Hypothesis,
    ReplyEnd,
    ReplyPart,
    ReplyRequest,
    ReplyText,
    SpeechRequest,
)
from cedar_voice_service.providers.scripted.rules import Rules

_WORDS_PER_PIECE = 3
_PARTIAL_INTERVAL_MS = 200
_TONE_BLOCK_MS = 100
_TONE_HZ = 440
_TONE_AMPLITUDE = 8_000


class ScriptedTranscriber:
    """Returns the words of its script, whatever the audio.

    Each utterance gets the next of `texts`, in the order the utterances begin and from the start
    again after the last. A partial with one more word comes with every 200 ms of audio. An
    utterance without audio is silence. Confidence is None.
    """

    def __init__(self, texts: Sequence[str] | None = None) -> None:
        self._texts = cycle(("hello there",) if texts is None else texts or ("",))

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        """Consume the audio and yield the script's next text."""
        text = next(self._texts)
        words = text.split()
        audio_ms, shown = 0.0, 0
        async for block in audio:
            audio_ms += block.pcm.duration_ms
            due = min(int(audio_ms // _PARTIAL_INTERVAL_MS), len(words))
            if due > shown:
                shown = due
                yield Hypothesis(" ".join(words[:shown]), is_final=False)
        yield Hypothesis(text if audio_ms else "", is_final=True)


class ScriptedResponder:
    """Answers by rules, and does not hide it.

    It calls a declared tool when the user's words name it, answers the first of `replies` whose key
    occurs in the user's words, greets, answers questions about the time of `now` and about itself,
    and otherwise repeats the user's words. The same request gets the same answer.
    """

    def __init__(
        self,
        replies: Mapping[str, str] | None = None,
        *,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._rules = Rules(replies or {}, now)

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        """Answer in a few pieces of three words each."""
        answer = self._rules.answer(request)
        for piece in _pieces(answer.text):
            yield ReplyText(piece)
        if answer.tool_call is not None:
            yield answer.tool_call
        yield ReplyEnd()


class ToneSynthesizer:
    """Hums in proportion to the text: `ms_per_character` for each character, divided by the rate.

    The tone is 440 Hz times the pitch, in blocks of 100 ms.
    """

    def __init__(self, ms_per_character: int = 50, rate_hz: int = 24_000) -> None:
        self._ms_per_character = ms_per_character
        self._rate_hz = rate_hz

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        """Yield exactly the duration that the text needs."""
        duration_ms = len(request.text) * self._ms_per_character / request.rate
        remaining_bytes = round(duration_ms * self._rate_hz / 1000) * SAMPLE_BYTES
        block = self._tone(_TONE_HZ * request.pitch)
        while remaining_bytes > 0:
            data = block[:remaining_bytes]
            remaining_bytes -= len(data)
            yield Pcm(data, self._rate_hz)

    def _tone(self, frequency_hz: float) -> bytes:
        # A whole number of periods, so that repeated blocks join without a click.
        periods = round(frequency_hz * _TONE_BLOCK_MS / 1000)
        count = self._rate_hz * _TONE_BLOCK_MS // 1000
        step = 2 * math.pi * periods / count
        samples = (round(_TONE_AMPLITUDE * math.sin(step * index)) for index in range(count))
        return struct.pack(f"<{count}h", *samples)


def _pieces(text: str) -> Iterator[str]:
    words = text.split(" ") if text else []
    for start in range(0, len(words), _WORDS_PER_PIECE):
        separator = " " if start else ""
        yield separator + " ".join(words[start : start + _WORDS_PER_PIECE])
