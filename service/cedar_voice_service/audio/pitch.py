"""Changing the pitch of speech but not its length, with libav's filters."""

from collections.abc import Iterator

import av
from av.audio.frame import AudioFrame
from av.filter import Graph

from cedar_voice_service.audio.formats import Pcm
from cedar_voice_service.audio.resampler import frame_of, samples_of


class PitchShifter:
    """Makes speech higher or lower, at the same rate and of the same length.

    Args:
        pitch: multiplier, 0.5 to 2.0.
    """

    def __init__(self, pitch: float, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._fed_samples = 0
        # Played faster or slower the speech is higher or lower; the tempo is then put right again.
        steps = (
            ("abuffer", f"sample_rate={sample_rate_hz}:sample_fmt=s16:channel_layout=mono"),
            ("asetrate", str(round(sample_rate_hz * pitch))),
            ("aresample", str(sample_rate_hz)),
            ("atempo", str(1 / pitch)),
            ("aformat", "sample_fmts=s16:channel_layouts=mono"),
            ("abuffersink", None),
        )
        self._graph = Graph()
        self._graph.link_nodes(*(self._graph.add(name, args) for name, args in steps)).configure()

    def feed(self, pcm: Pcm) -> list[Pcm]:
        """Shift a block; return the blocks that are ready."""
        frame = frame_of(pcm.data, pcm.sample_rate_hz)
        frame.pts = self._fed_samples
        self._fed_samples += pcm.sample_count
        self._graph.push(frame)
        return list(self._ready())

    def flush(self) -> list[Pcm]:
        """End the speech; return its last blocks."""
        self._graph.push(None)
        return list(self._ready())

    def _ready(self) -> Iterator[Pcm]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            if isinstance(frame, AudioFrame):  # the graph has no video
                yield Pcm(samples_of(frame), self._sample_rate_hz)
