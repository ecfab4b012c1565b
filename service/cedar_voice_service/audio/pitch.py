"""Changing the pitch of speech and not its length, with libav's filters."""

from collections.abc import Iterator

import av
from av.audio.frame import AudioFrame
from av.filter import Graph

from cedar_voice_service.audio.formats import SAMPLE_BYTES, Pcm
from cedar_voice_service.audio.resampler import frame_of


class PitchShifter:
    """Blocks of one rate in, the same speech higher or lower out, at the same rate.

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
        """Take a block; what is ready."""
        frame = frame_of(pcm)
        frame.pts = self._fed_samples
        self._fed_samples += pcm.sample_count
        self._graph.push(frame)
        return list(self._ready())

    def flush(self) -> list[Pcm]:
        """The end of the speech."""
        self._graph.push(None)
        return list(self._ready())

    def _ready(self) -> Iterator[Pcm]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(frame, AudioFrame)
            data = bytes(frame.planes[0])[: frame.samples * SAMPLE_BYTES]
            yield Pcm(data, self._sample_rate_hz)
