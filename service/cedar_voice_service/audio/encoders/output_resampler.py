"""What an engine speaks, on its way into an encoder."""

from array import array
from collections.abc import Sequence

from cedar_voice_service.audio.encoders.mp3 import Mp3Cutter, Mp3Frames
from cedar_voice_service.audio.formats import Mp3, Pcm, Sound
from cedar_voice_service.audio.resampler import Resampler, frame_of


class OutputResampler:
    """Brings sound to the encoder's rate and the listener's volume, or lets its frames pass.

    Args:
        sample_rate_hz: the encoder's.
        passes_mp3: whether MP3 frames of that rate stay what they are; otherwise they are decoded.
    """

    def __init__(self, sample_rate_hz: int, *, passes_mp3: bool) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._passes_mp3 = passes_mp3
        self._resampler = Resampler(sample_rate_hz)
        self._mp3: Mp3Cutter | None = None

    def feed(self, sound: Sound, gain: float) -> list[bytes | Mp3Frames]:
        """Samples and frames that are ready; `gain` is for samples.

        Raises:
            CallerError: what is to be MP3 is none.
        """
        if isinstance(sound, Mp3):
            if self._mp3 is None:
                self._mp3 = Mp3Cutter(self._sample_rate_hz, may_pass=self._passes_mp3)
            return self._mp3.feed(sound.data)
        if not sound.sample_count:
            return []
        softened = Pcm(_softened(sound.data, gain), sound.sample_rate_hz)
        return [self._resampler.feed(frame_of(softened))]

    def flush(self) -> list[bytes | Mp3Frames]:
        """The phrase is complete: what was held back.

        Raises:
            CallerError: as `feed`.
        """
        parts = [] if self._mp3 is None else self._mp3.flush()
        self._mp3 = None
        return [*parts, self._resampler.flush()]

    def decode(self, frames: Sequence[bytes]) -> bytes:
        """Samples of frames that cannot be passed on after all, nor can the rest of the phrase.

        Raises:
            CallerError: they cannot be decoded.
        """
        assert self._mp3 is not None  # they came from it
        return self._mp3.decode(frames)


def _softened(samples: bytes, gain: float) -> bytes:
    if gain >= 1:
        return samples
    factor = round(max(0.0, gain) * (1 << 16))
    return array("h", [sample * factor >> 16 for sample in array("h", samples)]).tobytes()
