"""MP3 of an engine: cut into frames to pass on, or decoded where it cannot be passed on."""

from collections.abc import Sequence

from cedar_voice_service.audio.codec import TrackDecoder
from cedar_voice_service.audio.containers.elementary import Mp3Reader
from cedar_voice_service.audio.containers.parts import Part, Track
from cedar_voice_service.audio.encoders.mp3_frames import (
    MIN_FRAME_BYTES,
    Mp3Frames,
    begins_afresh,
    frame_samples,
    is_mono_at,
)


class Mp3Cutter:
    """Cuts one file, however its bytes come, into frames for players of one rate.

    A file that such a player cannot play after other sound, as it is of another rate, in stereo or
    begun in its middle, is decoded to samples of the rate.
    """

    def __init__(self, sample_rate_hz: int, *, may_pass: bool = True) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._reader = Mp3Reader()
        self._has_begun = False
        self._decoder: TrackDecoder | None = None
        if not may_pass:
            self._open_decoder()

    def feed(self, data: bytes) -> list[bytes | Mp3Frames]:
        """Receive more bytes; return the frames that they complete, or samples.

        Raises:
            CallerError: they are not MP3.
        """
        return self._cut(self._reader.feed(data))

    def flush(self) -> list[bytes | Mp3Frames]:
        """End the file; return its last frames or samples.

        Raises:
            CallerError: for the same reasons as `feed`.
        """
        parts = self._cut(self._reader.flush())
        return [*parts, self._decoder.flush()] if self._decoder is not None else parts

    def decode(self, frames: Sequence[bytes]) -> bytes:
        """Decode frames that were returned but not passed on, and from now on the rest of the file.

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
        if any(len(frame) < MIN_FRAME_BYTES for frame in frames):
            return False
        is_whole = self._has_begun or begins_afresh(frames[0])
        self._has_begun = True
        return is_whole and all(is_mono_at(frame, self._sample_rate_hz) for frame in frames)


def decode_whole(frames: Sequence[bytes], sample_rate_hz: int) -> bytes:
    """Decode the frames of a whole file to samples of a rate.

    Raises:
        CallerError: they cannot be decoded.
    """
    decoder = TrackDecoder(Track("mp3float"), sample_rate_hz)
    return b"".join((*map(decoder.decode, frames), decoder.flush()))
