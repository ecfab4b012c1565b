"""MP3 that an engine gives: cut into frames to pass on, or decoded where it cannot be passed on."""

from collections.abc import Sequence
from dataclasses import dataclass

from cedar_voice_service.audio.codec import TrackDecoder
from cedar_voice_service.audio.containers.elementary import Mp3Reader
from cedar_voice_service.audio.containers.parts import Part, Track

_HEADER_BYTES = 4
_CRC_BYTES = 2
_SHORTEST_FRAME_BYTES = 8
"""Header, checksum, and what tells where the bits of the frame begin."""
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


class Mp3Cutter:
    """Cuts one file, however its bytes come, into frames for listeners of one rate.

    A file that such a listener could not hear after other sound, as it is of another rate, in
    stereo or begun in its middle, is decoded to samples of the rate.
    """

    def __init__(self, sample_rate_hz: int, *, may_pass: bool = True) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._reader = Mp3Reader()
        self._has_begun = False
        self._decoder: TrackDecoder | None = None
        if not may_pass:
            self._open_decoder()

    def feed(self, data: bytes) -> list[bytes | Mp3Frames]:
        """Take more bytes; the frames that they complete, or samples.

        Raises:
            CallerError: they are no MP3.
        """
        return self._cut(self._reader.feed(data))

    def flush(self) -> list[bytes | Mp3Frames]:
        """The file ends here; what was held back.

        Raises:
            CallerError: as `feed`.
        """
        parts = self._cut(self._reader.flush())
        return [*parts, self._decoder.flush()] if self._decoder is not None else parts

    def decode(self, frames: Sequence[bytes]) -> bytes:
        """Samples of frames that were given out but not passed on; the rest is decoded as well.

        Raises:
            CallerError: they cannot be decoded.
        """
        decoder = self._decoder or self._open_decoder()
        return b"".join(map(decoder.decode, frames))

    def _open_decoder(self) -> TrackDecoder:
        self._decoder = TrackDecoder(Track("mp3float"), self._sample_rate_hz)
        return self._decoder

    def _cut(self, parts: list[Part]) -> list[bytes | Mp3Frames]:
        frames = tuple(part for part in parts if isinstance(part, bytes))
        if not frames:
            return []
        if self._decoder is not None or not self._can_pass(frames):
            return [self.decode(frames)]
        return [Mp3Frames(frames, frame_samples(self._sample_rate_hz))]

    def _can_pass(self, frames: Sequence[bytes]) -> bool:
        if any(len(frame) < _SHORTEST_FRAME_BYTES for frame in frames):
            return False
        is_whole = self._has_begun or begins_afresh(frames[0])
        self._has_begun = True
        return is_whole and all(_is_mono_of(frame, self._sample_rate_hz) for frame in frames)


class FrameQueue:
    """Frames of one shape that wait to be passed on."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self.frame_samples = 1

    @property
    def count(self) -> int:
        """How many frames wait."""
        return len(self._frames)

    @property
    def sample_count(self) -> int:
        """How much sound waits."""
        return len(self._frames) * self.frame_samples

    def frames_in(self, sample_count: int) -> int:
        """The least number of frames that hold so many samples."""
        return -(-sample_count // self.frame_samples)

    def put(self, part: Mp3Frames) -> None:
        """Add frames."""
        self._frames += part.frames
        self.frame_samples = part.frame_samples

    def take(self, count: int) -> bytes:
        """The oldest frames."""
        taken = b"".join(self._frames[:count])
        del self._frames[:count]
        return taken

    def take_all(self) -> list[bytes]:
        """Every frame by itself."""
        taken, self._frames = self._frames, []
        return taken

    def last_cut(self, min_samples: int, max_samples: int) -> int | None:
        """How many frames there are before the last place, between these, where one can cut."""
        first, last = self.frames_in(min_samples), max_samples // self.frame_samples
        places = range(min(last, self.count - 1), first - 1, -1)
        return next((place for place in places if begins_afresh(self._frames[place])), None)


def begins_afresh(frame: bytes) -> bool:
    """Whether the frame holds all its bits: none are in the reservoir of the frames before it."""
    at = _HEADER_BYTES + (0 if frame[1] & 1 else _CRC_BYTES)
    if _version_of(frame) == _MPEG_1:
        return frame[at] == 0 and frame[at + 1] < 0x80
    return frame[at] == 0


def _is_mono_of(frame: bytes, rate_hz: int) -> bool:
    rates_hz = _RATES_HZ.get(_version_of(frame), ())
    index = frame[2] >> 2 & 3
    return frame[3] >> 6 == _MONO and index < len(rates_hz) and rates_hz[index] == rate_hz


def _version_of(frame: bytes) -> int:
    return frame[1] >> 3 & 3


def frame_samples(rate_hz: int) -> int:
    """Samples in each frame of this rate."""
    return 1_152 if rate_hz in _RATES_HZ[_MPEG_1] else 576
