"""A spoken question as a client's recorder sends it, and when each of its words is said."""

import io
import re
import wave
from array import array
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import av

RATE_HZ = 16_000
PIECE_MS = 100
"""How often a recorder hands over what it has."""

FRAME_MS = 40
"""Precision of a loudness curve."""

Encoding = Literal["webm", "pcm"]

_SPEECH = Path(__file__).parents[1] / "tests" / "data" / "speech"
_QUIET = 150
_PIECE_BYTES = RATE_HZ * PIECE_MS // 1000 * 2
_PACKET_MS = 60
"""Sound in a packet of Chromium's recorder."""

_CLUSTER = re.compile(rb"\x1f\x43\xb6\x75")
"""The id of a WebM cluster."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a recording, spoken between these milliseconds of it."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True)
class Recording:
    """One utterance: 16 kHz mono samples of 16 bits, and what is said in them."""

    text: str
    pcm: bytes

    @property
    def duration_ms(self) -> int:
        """Length of the recording."""
        return len(self.pcm) * 1000 // (RATE_HZ * 2)

    @property
    def wav(self) -> bytes:
        """The recording as a WAV file."""
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(2)
            writer.setframerate(RATE_HZ)
            writer.writeframes(self.pcm)
        return file.getvalue()

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """The words, each as long as its share of the letters: nobody has listened to them."""
        loud = [at for at, level in enumerate(loudness(self.pcm)) if level > _QUIET]
        start_ms, end_ms = loud[0] * FRAME_MS, (loud[-1] + 1) * FRAME_MS
        texts = self.text.split()
        letter_ms = (end_ms - start_ms) / sum(map(len, texts))
        words = []
        at_ms: float = start_ms
        for text in texts:
            words.append(Word(text, at_ms, at_ms + letter_ms * len(text)))
            at_ms = words[-1].end_ms
        return tuple(words)

    @property
    def speech_end_ms(self) -> float:
        """Where the last word ends."""
        return self.words[-1].end_ms

    def followed_by_silence(self, silence_ms: int) -> "Recording":
        """The same, and the recorder is left running for so long."""
        return Recording(self.text, self.pcm + bytes(silence_ms * RATE_HZ // 1000 * 2))

    def pieces(self, encoding: Encoding) -> tuple[bytes, ...]:
        """The recording in pieces of `PIECE_MS`; of WebM/Opus only the first has the header."""
        if encoding == "webm":
            return _slices(_webm_opus(self.wav), self.duration_ms)
        starts = list(range(0, len(self.pcm), _PIECE_BYTES))
        return tuple(self.pcm[start : start + _PIECE_BYTES] for start in starts)


def loudness(pcm: bytes) -> list[float]:
    """Mean level of each `FRAME_MS` of 16-bit samples; every eighth sample is looked at."""
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    size = RATE_HZ * FRAME_MS // 1000
    frames = (samples[at : at + size : 8] for at in range(0, len(samples), size))
    return [sum(map(abs, frame)) / len(frame) for frame in frames]


def load_recording() -> Recording:
    """The utterance of the benchmarks: 2.5 s of speech in the test data."""
    with wave.open(str(_SPEECH / "show_the_report.wav")) as file:
        return Recording("show me the report for this month", file.readframes(file.getnframes()))


def _slices(webm: bytes, duration_ms: int) -> tuple[bytes, ...]:
    """What is complete after each `PIECE_MS`; the last slice has all the rest, as after a stop."""
    starts = [match.start() for match in _CLUSTER.finditer(webm)]
    pieces = [webm[: starts[0]], *(b"" for _ in range(PIECE_MS, duration_ms, PIECE_MS))]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=True), 1):
        slice_number = (number * _PACKET_MS - 1) // PIECE_MS
        pieces[min(slice_number, len(pieces) - 1)] += webm[start:end]
    return tuple(pieces)


def _webm_opus(wav: bytes) -> bytes:
    """Encode as a browser's recorder does, but each packet in a cluster."""
    webm = io.BytesIO()
    options = {"live": "1", "cluster_time_limit": "0"}
    with (
        av.open(io.BytesIO(wav), "r") as source,
        av.open(webm, "w", format="webm", options=options) as target,
    ):
        coding = {"frame_duration": str(_PACKET_MS)}
        stream = target.add_stream("libopus", rate=48_000, layout="mono", options=coding)
        stream.bit_rate = 32_000
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return webm.getvalue()
