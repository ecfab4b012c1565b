"""Changing rate, layout and sample format of sound, with libav's resampler."""

from collections.abc import Iterable

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from cedar_voice_service.audio.formats import SAMPLE_BYTES, Pcm


class Resampler:
    """Frames of any rate and layout, also of changing ones, to mono samples of one rate."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._shape: tuple[int, str, str] | None = None
        self._resampler: AudioResampler | None = None

    def feed(self, frame: AudioFrame) -> bytes:
        """Samples that are ready after this frame.

        Raises:
            av.FFmpegError: the frame has a layout that cannot be mixed down.
        """
        shape = (frame.sample_rate, frame.format.name, frame.layout.name)
        ready = b""
        if self._resampler is None or shape != self._shape:
            ready = self.flush()
            self._shape = shape
            self._resampler = AudioResampler("s16", "mono", self._sample_rate_hz)
        return ready + _samples_of(self._resampler.resample(frame))

    def flush(self) -> bytes:
        """Samples still held, the last of the sound fed so far."""
        if self._resampler is None:
            return b""
        held = self._resampler.resample(None)
        self._resampler = None
        return _samples_of(frame for frame in held if frame is not None)


def frame_of(pcm: Pcm) -> AudioFrame:
    """A block as libav takes it."""
    frame = AudioFrame("s16", "mono", pcm.sample_count)
    frame.planes[0].update(pcm.data)
    frame.sample_rate = pcm.sample_rate_hz
    return frame


def _samples_of(frames: Iterable[AudioFrame]) -> bytes:
    return b"".join(bytes(frame.planes[0])[: frame.samples * SAMPLE_BYTES] for frame in frames)
