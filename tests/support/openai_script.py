"""The OpenAI stand-in's answers, latencies, faults, and records of requests."""

import asyncio
import io
import math
import re
import struct
import time
import wave
from dataclasses import dataclass, field
from typing import Any, Literal

import av

StageName = Literal["stt", "llm", "tts"]

SPEECH_RATE_HZ = 24_000
SPEECH_CHARS_PER_S = 15
TRANSCRIPT = "what is on my calendar for this afternoon"
ANSWER = (
    "On your calendar, the meeting with the design team starts at three in the afternoon. "
    "The room is yours until four, so there is time left. "
    "I moved the next call to Thursday at noon, and nothing overlaps now. "
    "Do you want me to set a reminder for you and the whole team?"
)
"""267 characters, four sentences, 60 tokens, 17.8 s of speech; its first clause has 4 tokens."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Latencies of the server. A `tts_realtime_factor` of 0 sends speech without pacing."""

    stt_base_ms: float = 120
    stt_ms_per_s: float = 30
    llm_first_token_ms: float = 200
    llm_token_ms: float = 15
    tts_first_byte_ms: float = 150
    tts_realtime_factor: float = 20


INSTANT = Latencies(0, 0, 0, 0, 0, 0)


class Pace:
    """A schedule of fixed times, so that work between them does not add to the delay."""

    def __init__(self, first_ms: float, interval_ms: float) -> None:
        self._next_s = time.monotonic() + first_ms / 1000
        self._interval_s = interval_ms / 1000

    async def tick(self) -> None:
        """Wait for the next time of the schedule."""
        delay_s = self._next_s - time.monotonic()
        self._next_s += self._interval_s
        if delay_s > 0:
            await asyncio.sleep(delay_s)


@dataclass(frozen=True, slots=True)
class Fault:
    """The failure of a stage: with a status, by silence from the start, or after some bytes.

    After `after_bytes` of the answer's body the connection is cut, or, with `hangs`, falls silent.
    A silent chat still carries a comment and an empty delta every `filler_interval_ms`, unless it
    is 0. Only the first `requests` of the stage are failed, None fails all of them.
    """

    status: int = 0
    retry_after: str = ""
    error_code: str = "injected"
    hangs: bool = False
    after_bytes: int | None = None
    filler_interval_ms: float = 0
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """A tool call of the model; its arguments are streamed in pieces."""

    name: str
    arguments_json: str
    call_id: str = "call_1"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the model: text, then tool calls."""

    text: str = ANSWER
    tool_calls: tuple[ScriptedCall, ...] = ()
    finish_reason: str = "stop"
    tells_usage: bool = True

    def deltas(self) -> list[dict[str, Any]]:
        """Return the answer as the API streams it: a delta per token, tool calls in fragments."""
        texts: list[dict[str, Any]] = [{"content": token} for token in tokens_of(self.text)]
        for index, call in enumerate(self.tool_calls):
            texts += [{"tool_calls": [fragment]} for fragment in _fragments(index, call)]
        return texts


@dataclass(slots=True)
class Received:
    """A request that the server received. Times are monotonic, in seconds.

    `body` holds the JSON object or the fields of the form, `audio` the uploaded recording,
    `connection` names its TCP connection.
    """

    stage: StageName
    connection: str
    api_key: str
    body: dict[str, Any]
    audio: bytes
    received_at_s: float
    first_byte_at_s: float | None = None
    ended_at_s: float | None = None
    was_answered: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def audio_ms(self) -> float:
        """Length of the uploaded recording, in milliseconds; 0 without one."""
        return duration_ms(self.audio) if self.audio else 0.0


def tokens_of(text: str) -> list[str]:
    """Cut a text roughly as language models do: words with the space before them, marks alone."""
    return re.findall(r"\s?\w+|[^\w\s]|\s", text)


def duration_ms(recording: bytes) -> float:
    """Length of a WAV file.

    Raises:
        wave.Error: it is none.
        EOFError: it is cut short.
    """
    with wave.open(io.BytesIO(recording)) as file:
        return float(file.getnframes() * 1000 / file.getframerate())


def speech_pcm(text: str, speed: float = 1.0) -> bytes:
    """A tone as long as the text takes to speak: 24 kHz mono signed 16-bit samples."""
    size_bytes = round(SPEECH_RATE_HZ * len(text) / SPEECH_CHARS_PER_S / speed) * 2
    return (_TONE_CYCLE * (size_bytes // len(_TONE_CYCLE) + 1))[:size_bytes]


def as_wav(pcm: bytes) -> bytes:
    """Wrap speech in a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SPEECH_RATE_HZ)
        writer.writeframes(pcm)
    return file.getvalue()


def as_mp3(pcm: bytes) -> bytes:
    """Encode speech as an MP3 file, mono as the vendor's."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("mp3", rate=SPEECH_RATE_HZ, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.sample_rate = SPEECH_RATE_HZ
        frame.planes[0].update(pcm)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _fragments(index: int, call: ScriptedCall) -> list[dict[str, Any]]:
    opening = {
        "index": index,
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": ""},
    }
    pieces = re.findall(r"(?s).{1,8}", call.arguments_json)
    return [opening, *({"index": index, "function": {"arguments": piece}} for piece in pieces)]


def _tone_cycle(frequency_hz: int) -> bytes:
    length = SPEECH_RATE_HZ // frequency_hz
    levels = (round(8000 * math.sin(2 * math.pi * index / length)) for index in range(length))
    return struct.pack(f"<{length}h", *levels)


_TONE_CYCLE = _tone_cycle(200)
