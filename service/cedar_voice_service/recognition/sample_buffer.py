"""The audio of an utterance that is still needed, and the quietest point for a cut."""

from collections.abc import Iterable

import numpy as np

from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, SAMPLE_BYTES, Pcm

_MS_BYTES = LISTENING_RATE_HZ // 1000 * SAMPLE_BYTES
_FRAME_MS = 20


class SampleBuffer:
    """16 kHz mono audio, addressed by milliseconds from the start of the utterance."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._from_ms = 0

    def append(self, pcm: Pcm) -> None:
        """Append more audio."""
        self._data += pcm.data

    @property
    def end_ms(self) -> int:
        """End of the audio; part of a millisecond counts as one."""
        return self._from_ms - (-len(self._data) // _MS_BYTES)

    def joined(self, parts: Iterable[tuple[int, int]]) -> Pcm:
        """Return parts of the audio, each with its start and end, joined to one piece."""
        return Pcm(b"".join(self._data[self._at(start) : self._at(end)] for start, end in parts))

    def quietest_ms(self, start_ms: int, end_ms: int) -> int:
        """Return the middle of the quietest 20 ms of a part, which is at least that long."""
        samples = np.frombuffer(self.joined([(start_ms, end_ms)]).data, dtype="<i2")
        frame_samples = _FRAME_MS * LISTENING_RATE_HZ // 1000
        count = len(samples) // frame_samples
        frames = samples[: count * frame_samples].reshape(count, frame_samples).astype(np.float32)
        quietest = int(np.argmin(np.square(frames).mean(axis=1)))
        return start_ms + quietest * _FRAME_MS + _FRAME_MS // 2

    def forget(self, until_ms: int) -> None:
        """Discard the audio before a point."""
        del self._data[: self._at(until_ms)]
        self._from_ms = max(self._from_ms, until_ms)

    def _at(self, at_ms: int) -> int:
        return max(0, at_ms - self._from_ms) * _MS_BYTES
