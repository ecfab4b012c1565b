"""A spoken question as a client's recorder sends it, with the time of each word."""

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
"""Interval at which a recorder delivers pieces."""

FRAME_MS = 40
"""Resolution of a loudness curve."""

Encoding = Literal["webm", "pcm"]

_SPEECH = Path(__file__).parents[1] / "tests" / "data" / "speech"
_QUIET = 150
_PIECE_BYTES = RATE_HZ * PIECE_MS // 1000 * 2
_PACKET_MS = 60
"""Length of a packet of Chromium's recorder."""

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
    """One utterance: 16 kHz mono samples of 16 bits, and their text."""

    text: str
    pcm: bytes

    @property
    def duration_ms(self) -> int:
        """Length of the recording, in milliseconds."""
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
        """The words, timed by their share of the letters: they are not aligned by ear."""
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
        """End of the last word, in milliseconds."""
        return self.words[-1].end_ms

    def followed_by_silence(self, silence_ms: int) -> "Recording":
        """Return the recording with silence after it, as from a recorder that still runs."""
        return Recording(self.text, self.pcm + bytes(silence_ms * RATE_HZ // 1000 * 2))

    def pieces(self, encoding: Encoding) -> tuple[bytes, ...]:
        """Return the recording in pieces of `PIECE_MS`; in WebM/Opus the first has the header."""
        if encoding == "webm":
            return _slices(_webm_opus(self.wav), self.duration_ms)
        starts = list(range(0, len(self.pcm), _PIECE_BYTES))
        return tuple(self.pcm[start : start + _PIECE_BYTES] for start in starts)


def loudness(pcm: bytes) -> list[float]:
    """Return the mean level of each `FRAME_MS` of 16-bit samples, from every eighth sample."""
    samples = array("h", pcm[: len(pcm) // 2 * 2])
    size = RATE_HZ * FRAME_MS // 1000
    frames = (samples[at : at + size : 8] for at in range(0, len(samples), size))
    return [sum(map(abs, frame)) / len(frame) for frame in frames]


def load_recording() -> Recording:
    """Return the utterance of the benchmarks: 2.5 s of speech in the test data."""
    with wave.open(str(_SPEECH / "show_the_report.wav")) as file:
        return Recording("show me the report for this month", file.readframes(file.getnframes()))


def _slices(webm: bytes, duration_ms: int) -> tuple[bytes, ...]:
    """Return the bytes complete after each `PIECE_MS`, and all the rest in the last slice."""
    starts = [match.start() for match in _CLUSTER.finditer(webm)]
    pieces = [webm[: starts[0]], *(b"" for _ in range(PIECE_MS, duration_ms, PIECE_MS))]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=True), 1):
        slice_number = (number * _PACKET_MS - 1) // PIECE_MS
        pieces[min(slice_number, len(pieces) - 1)] += webm[start:end]
    return tuple(pieces)


def _webm_opus(wav: bytes) -> bytes:
    """Encode like a browser's recorder, but with each packet in its own cluster."""
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
