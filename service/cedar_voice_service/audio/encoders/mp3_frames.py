"""Frames of MP3 that are passed on as an engine encoded them."""

from dataclasses import dataclass

_HEADER_BYTES = 4
_CRC_BYTES = 2
MIN_FRAME_BYTES = 8
"""Header, checksum, and the offset at which the bits of the frame begin."""
_MONO = 3
_MPEG_1 = 3
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""By version and rate index, as ISO 11172-3 and 13818-3 number them; 0 is the unofficial 2.5."""


@dataclass(frozen=True, slots=True)
class Mp3Frames:
    """Frames that can be passed on: one stream, mono, that needs nothing before its first frame."""

    frames: tuple[bytes, ...]
    frame_samples: int
    """Samples in each frame."""


class FrameQueue:
    """Frames of one shape that wait to be passed on."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self.frame_samples = 1

    @property
    def count(self) -> int:
        """Number of frames that wait."""
        return len(self._frames)

    @property
    def sample_count(self) -> int:
        """Number of samples in the frames that wait."""
        return len(self._frames) * self.frame_samples

    def put(self, part: Mp3Frames) -> None:
        """Add frames."""
        self._frames += part.frames
        self.frame_samples = part.frame_samples

    def take(self, count: int) -> bytes:
        """Remove and return the oldest frames, joined."""
        taken = b"".join(self._frames[:count])
        del self._frames[:count]
        return taken

    def take_all(self) -> list[bytes]:
        """Remove and return every frame by itself."""
        taken, self._frames = self._frames, []
        return taken

    def last_cut(self, min_samples: int, max_samples: int) -> int | None:
        """Return the number of frames before the last possible cut; None without any.

        Args:
            min_samples: least number of samples before the cut.
            max_samples: most number of samples before the cut.
        """
        first = -(-min_samples // self.frame_samples)
        last = max_samples // self.frame_samples
        places = range(min(last, self.count - 1), first - 1, -1)
        return next((place for place in places if begins_afresh(self._frames[place])), None)


def begins_afresh(frame: bytes) -> bool:
    """Whether the frame holds all its bits: none are in the reservoir of the frames before it."""
    at = _HEADER_BYTES + (0 if frame[1] & 1 else _CRC_BYTES)
    if _version_of(frame) == _MPEG_1:
        return frame[at] == 0 and frame[at + 1] < 0x80
    return frame[at] == 0


def is_mono_at(frame: bytes, rate_hz: int) -> bool:
    """Whether the frame is mono and of this rate."""
    rates_hz = _RATES_HZ.get(_version_of(frame), ())
    index = frame[2] >> 2 & 3
    return frame[3] >> 6 == _MONO and index < len(rates_hz) and rates_hz[index] == rate_hz


def frame_samples(rate_hz: int) -> int:
    """Return the number of samples in each frame of this rate."""
    return 1_152 if rate_hz in _RATES_HZ[_MPEG_1] else 576


def _version_of(frame: bytes) -> int:
    return frame[1] >> 3 & 3
