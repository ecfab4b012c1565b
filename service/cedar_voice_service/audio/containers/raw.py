"""Uncompressed sound: samples without a container."""

from cedar_voice_service.audio.containers.parts import Part, Track
from cedar_voice_service.audio.formats import is_decoded_rate
from cedar_voice_service.errors import UnsupportedAudio

MAX_CHANNELS = 8

MAX_PACKET_FRAMES = 4_096
"""Samples per channel of one packet at most, so that no block is too long."""


class PcmReader:
    """Cuts bytes into packets of whole frames, a sample of each channel."""

    def __init__(self, track: Track, sample_bytes: int) -> None:
        self._track: Track | None = track
        self._frame_bytes = sample_bytes * track.channel_count
        self._rest = b""

    def feed(self, data: bytes) -> list[Part]:
        """See `Reader.feed`; raises nothing."""
        parts: list[Part] = []
        if self._track is not None:
            parts.append(self._track)
            self._track = None
        data = self._rest + data
        whole = len(data) - len(data) % self._frame_bytes
        self._rest = data[whole:]
        step = MAX_PACKET_FRAMES * self._frame_bytes
        return parts + [data[at : min(at + step, whole)] for at in range(0, whole, step)]

    def flush(self) -> list[Part]:
        """See `Reader.flush`; an incomplete frame is dropped."""
        return []


def pcm_track(codec: str, sample_rate_hz: int, channel_count: int) -> Track:
    """Return the track of uncompressed sound.

    Raises:
        UnsupportedAudio: the rate or the number of channels is beyond the range that is decoded.
    """
    if not is_decoded_rate(sample_rate_hz):
        raise UnsupportedAudio(f"a sample rate of {sample_rate_hz} Hz is not decoded")
    if channel_count > MAX_CHANNELS:
        raise UnsupportedAudio(f"{channel_count} channels; at most {MAX_CHANNELS} are decoded")
    return Track(codec, b"", sample_rate_hz, channel_count)
