"""Audio written and read as a whole by libav: the reference for incremental decoding."""

import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import chain, cycle
from pathlib import Path
from typing import cast

import av
from av.audio.stream import AudioStream

from cedar_voice_service.audio.decoder import open_decoder
from cedar_voice_service.audio.formats import AudioFormat, Encoding
from tests.support.recordings import speech_pcm

MEDIARECORDER = Path(__file__).parents[1] / "data" / "mediarecorder"


@dataclass(frozen=True, slots=True)
class Recording:
    """A browser's recording, blob after blob."""

    blobs: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        """The whole recording."""
        return b"".join(self.blobs)


@cache
def recorded(container: str) -> Recording:
    """The MediaRecorder recording in `container`: webm or mp4."""
    path = MEDIARECORDER / f"open_the_settings.{container}"
    sizes = json.loads(Path(f"{path}.json").read_text())["blob_bytes"]
    return Recording(tuple(cut(path.read_bytes(), sizes)))


@dataclass(frozen=True)
class Form:
    """A container and codec as libav names them; `options` are the muxer's."""

    container: str
    codec: str
    rate_hz: int = 48_000
    layout: str = "mono"
    options: dict[str, str] = field(default_factory=dict, hash=False)


@cache
def written(form: Form, name: str = "open_the_settings") -> bytes:
    """A sentence in that form."""
    return write(form, speech_pcm(name))


def write(form: Form, pcm: bytes) -> bytes:
    """16 kHz mono samples in that form."""
    with tempfile.NamedTemporaryFile() as file:  # some muxers read again what they wrote
        with av.open(file.name, "w", format=form.container, options=form.options) as container:
            stream = cast(
                AudioStream,
                container.add_stream(form.codec, rate=form.rate_hz, layout=form.layout),
            )
            for frame in chain(_frames_of(pcm), [None]):
                container.mux(stream.encode(frame))
        return Path(file.name).read_bytes()


def _frames_of(pcm: bytes) -> Iterator[av.AudioFrame]:
    """Frames of 100 ms."""
    for at in range(0, len(pcm), 3_200):
        block = pcm[at : at + 3_200]
        frame = av.AudioFrame("s16", "mono", len(block) // 2)
        frame.planes[0].update(block)
        frame.sample_rate, frame.pts, frame.time_base = 16_000, at // 2, Fraction(1, 16_000)
        yield frame


def decoded_whole(data: bytes, *, rate_hz: int = 16_000) -> bytes:
    """The mono samples of a whole file, by libav."""
    samples = bytearray()
    resampler = av.AudioResampler("s16", "mono", rate_hz)
    with av.open(io.BytesIO(data), "r") as container:
        for frame in chain(container.decode(audio=0), [None]):
            for block in resampler.resample(frame):
                samples += bytes(block.planes[0])[: block.samples * 2]
    return bytes(samples)


def decoded_live(
    pieces: Iterable[bytes], audio_format: AudioFormat | Encoding = Encoding.AUTO
) -> bytes:
    """The 16 kHz mono samples of a recording that arrives in pieces, by our decoder."""
    if isinstance(audio_format, Encoding):
        audio_format = AudioFormat(audio_format)
    decoder = open_decoder(audio_format)
    return b"".join([*map(decoder.feed, pieces), decoder.flush()])


def cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    """`data` in pieces of these sizes, over and over until its end."""
    pieces, at = [], 0
    for size in cycle(sizes):
        if at >= len(data):
            break
        pieces.append(data[at : at + size])
        at += size
    return pieces
