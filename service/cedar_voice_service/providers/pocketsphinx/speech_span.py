"""The span of speech in a recording, by loudness. Pure.

It finds the frames over which the recognizer's normalization is measured; a speech detector decides
elsewhere whether there is speech at all.
"""

import math
from array import array
from dataclasses import dataclass
from operator import mul

from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, SAMPLE_BYTES

_FRAME_MS = 30
_FRAME_BYTES = _FRAME_MS * LISTENING_RATE_HZ // 1000 * SAMPLE_BYTES
_MARGIN_FRAMES = 6
_LOUD_FRAMES = 10
_RANGE_DB = 25.0
_SILENCE_DB = -60.0
_FLOOR_WEIGHT = 0.6
_FULL_SCALE = 1 << 15


@dataclass(frozen=True, slots=True)
class SpeechSpan:
    """The part of a recording from its first to its last loud frame, with a margin around it.

    `loudness_db` is the level of its loud frames, relative to full scale; `voiced_ms` is the
    duration of these frames, `quiet_ms` the duration of the recording after the span.
    """

    start_byte: int
    end_byte: int
    voiced_ms: int
    quiet_ms: int
    loudness_db: float

    @property
    def length_bytes(self) -> int:
        """Bytes of audio in the span."""
        return self.end_byte - self.start_byte


class Loudness:
    """Follows the level of 16 kHz mono audio, frame by frame."""

    def __init__(self) -> None:
        self._rest = b""
        self._levels_db: list[float] = []

    def feed(self, data: bytes) -> None:
        """Measure more audio."""
        data = self._rest + data
        whole_bytes = len(data) - len(data) % _FRAME_BYTES
        for start in range(0, whole_bytes, _FRAME_BYTES):
            self._levels_db.append(_level_db(data[start : start + _FRAME_BYTES]))
        self._rest = data[whole_bytes:]

    def span(self) -> SpeechSpan | None:
        """Return the span of speech so far, None in silence.

        A frame is loud when its level is near that of the loudest ones, single clicks aside, and
        well above that of the quiet ones.
        """
        if not self._levels_db:
            return None
        ranked = sorted(self._levels_db, reverse=True)
        loudness_db = ranked[min(_LOUD_FRAMES, len(ranked)) - 1]
        floor_db = ranked[-1 - len(ranked) // 10]
        above_floor_db = loudness_db - _FLOOR_WEIGHT * (loudness_db - floor_db)
        threshold_db = max(loudness_db - _RANGE_DB, above_floor_db, _SILENCE_DB)
        loud = [at for at, level_db in enumerate(self._levels_db) if level_db >= threshold_db]
        if loudness_db < _SILENCE_DB or not loud:
            return None
        return SpeechSpan(
            start_byte=max(0, loud[0] - _MARGIN_FRAMES) * _FRAME_BYTES,
            end_byte=(loud[-1] + 1 + _MARGIN_FRAMES) * _FRAME_BYTES,
            voiced_ms=len(loud) * _FRAME_MS,
            quiet_ms=(len(self._levels_db) - 1 - loud[-1]) * _FRAME_MS,
            loudness_db=loudness_db,
        )


def _level_db(frame: bytes) -> float:
    samples = array("h", frame)
    power = sum(map(mul, samples, samples)) / len(samples) / _FULL_SCALE**2
    return 10 * math.log10(power + 1e-12)
