"""Speech of an engine on its way into an encoder."""

from array import array
from collections.abc import Sequence

from cedar_voice_service.audio.encoders.mp3_cutter import Mp3Cutter, decode_whole
from cedar_voice_service.audio.encoders.mp3_frames import Mp3Frames
from cedar_voice_service.audio.formats import Mp3, Sound
from cedar_voice_service.audio.resampler import Resampler, frame_of


class OutputResampler:
    """Brings sound to the encoder's rate and the listener's volume, or passes its frames on.

    Args:
        sample_rate_hz: the encoder's.
        passes_mp3: whether MP3 frames of that rate are passed on; otherwise they are decoded.
    """

    def __init__(self, sample_rate_hz: int, *, passes_mp3: bool) -> None:
        self._sample_rate_hz = sample_rate_hz
        self.passes_mp3 = passes_mp3
        self._resampler = Resampler(sample_rate_hz)
        self._mp3: Mp3Cutter | None = None

    def feed(self, sound: Sound, gain: float) -> list[bytes | Mp3Frames]:
        """Return the samples and frames that are ready; `gain` is for samples.

        Raises:
            CallerError: sound that claims to be MP3 is not.
        """
        if isinstance(sound, Mp3):
            if self._mp3 is None:
                self._mp3 = Mp3Cutter(self._sample_rate_hz, may_pass=self.passes_mp3)
            return self._mp3.feed(sound.data)
        if not sound.sample_count:
            return []
        frame = frame_of(_softened(sound.data, gain), sound.sample_rate_hz)
        return [self._resampler.feed(frame)]

    def flush(self) -> list[bytes | Mp3Frames]:
        """Complete the phrase; return its last samples and frames.

        Raises:
            CallerError: as `feed`.
        """
        parts = [] if self._mp3 is None else self._mp3.flush()
        self._mp3 = None
        return [*parts, self._resampler.flush()]

    def decode(self, frames: Sequence[bytes]) -> bytes:
        """Decode frames that cannot be passed on after all, nor can the rest of the phrase.

        Raises:
            CallerError: they cannot be decoded.
        """
        if self._mp3 is None:  # they are the end of the phrase
            return decode_whole(frames, self._sample_rate_hz)
        return self._mp3.decode(frames)


def _softened(samples: bytes, gain: float) -> bytes:
    if gain >= 1:
        return samples
    factor = round(max(0.0, gain) * (1 << 16))
    return array("h", [sample * factor >> 16 for sample in array("h", samples)]).tobytes()
