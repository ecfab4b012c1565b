"""Uncompressed sound: samples without a container."""

from cedar_voice_service.audio.containers.parts import Part, Track

MAX_PACKET_FRAMES = 4_096
"""Samples per channel that are handed on at once, so that no block is too long."""


class PcmReader:
    """Cuts bytes into packets of whole frames, a sample of each channel."""

    def __init__(self, track: Track, sample_bytes: int) -> None:
        self._track: Track | None = track
        self._frame_bytes = sample_bytes * track.channel_count
        self._rest = b""

    def feed(self, data: bytes) -> list[Part]:
        """See `Reader.feed`; never fails."""
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
        """Part of a frame is no sound."""
        return []
