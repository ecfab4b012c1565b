"""Changing rate, layout and sample format of sound, with libav's resampler."""

from collections.abc import Iterable

from av.audio.format import AudioFormat as SampleFormat
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

_S16 = SampleFormat("s16")


class Resampler:
    """Converts frames of any rate and layout, also changing ones, to mono samples of one rate."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._shape: tuple[int, str, str] | None = None
        self._resampler: AudioResampler | None = None

    def feed(self, frame: AudioFrame) -> bytes:
        """Resample a frame; return the samples that are ready.

        Raises:
            av.FFmpegError: the frame has a layout that cannot be mixed down.
        """
        shape = (frame.sample_rate, frame.format.name, frame.layout.name)
        ready = b""
        if self._resampler is None or shape != self._shape:
            ready = self.flush()
            self._shape = shape
            self._resampler = AudioResampler(_S16, "mono", self._sample_rate_hz)
        return ready + _samples_of(self._resampler.resample(frame))

    def flush(self) -> bytes:
        """Return the samples still held, the last of the sound fed so far."""
        if self._resampler is None:
            return b""
        held = self._resampler.resample(None)
        self._resampler = None
        return _samples_of(frame for frame in held if frame is not None)


def frame_of(samples: bytes, sample_rate_hz: int) -> AudioFrame:
    """Return mono samples as a frame of libav."""
    frame = AudioFrame("s16", "mono", len(samples) // _S16.bytes)
    frame.planes[0].update(samples)
    frame.sample_rate = sample_rate_hz
    return frame


def samples_of(frame: AudioFrame) -> bytes:
    """Return the samples of a mono frame, without the padding of its plane."""
    return bytes(frame.planes[0])[: frame.samples * _S16.bytes]


def _samples_of(frames: Iterable[AudioFrame]) -> bytes:
    return b"".join(map(samples_of, frames))
