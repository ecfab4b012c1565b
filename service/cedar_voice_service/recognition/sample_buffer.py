"""The sound of an utterance that is still needed, and where in it a cut harms least."""

from collections.abc import Iterable

import numpy as np

from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, SAMPLE_BYTES, Pcm

_MS_BYTES = LISTENING_RATE_HZ // 1000 * SAMPLE_BYTES
_FRAME_MS = 20


class SampleBuffer:
    """16 kHz mono sound by its milliseconds, counted from the utterance's start."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._from_ms = 0

    def append(self, pcm: Pcm) -> None:
        """Hear more."""
        self._data += pcm.data

    @property
    def end_ms(self) -> int:
        """How far it goes; part of a millisecond counts for one."""
        return self._from_ms - (-len(self._data) // _MS_BYTES)

    def joined(self, parts: Iterable[tuple[int, int]]) -> Pcm:
        """Parts of it, each from one point to another, one after the other."""
        return Pcm(b"".join(self._data[self._at(start) : self._at(end)] for start, end in parts))

    def quietest_ms(self, start_ms: int, end_ms: int) -> int:
        """The middle of the quietest 20 ms in a part of it, which is at least as long."""
        samples = np.frombuffer(self.joined([(start_ms, end_ms)]).data, dtype="<i2")
        frame_samples = _FRAME_MS * LISTENING_RATE_HZ // 1000
        count = len(samples) // frame_samples
        frames = samples[: count * frame_samples].reshape(count, frame_samples).astype(np.float32)
        quietest = int(np.argmin(np.square(frames).mean(axis=1)))
        return start_ms + quietest * _FRAME_MS + _FRAME_MS // 2

    def forget(self, until_ms: int) -> None:
        """What lies before a point is not needed any more."""
        del self._data[: self._at(until_ms)]
        self._from_ms = max(self._from_ms, until_ms)

    def _at(self, at_ms: int) -> int:
        return max(0, at_ms - self._from_ms) * _MS_BYTES
