"""Audio files that libav encodes: MP3, and Opus in Ogg or WebM."""

import io
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import cast

import av
from av.audio.stream import AudioStream
from av.codec import Codec
from av.packet import Packet

from cedar_voice_service.audio.resampler import frame_of


@dataclass(frozen=True)
class Coding:
    """A codec in a container, with the options of libav's encoder and muxer for them.

    `stream_options` have the muxer write bytes as soon as they are final; `file_options` have it
    record the length of a whole file, and the samples that players leave out at its ends. Streams
    lack that record, so that the encoder's delay is audible in them: `pads_streams`.
    """

    container: str
    codec: str
    bit_rate: int
    pads_streams: bool
    codec_options: dict[str, str] = field(default_factory=dict)
    stream_options: dict[str, str] = field(default_factory=dict)
    file_options: dict[str, str] = field(default_factory=dict)

    @cached_property
    def rates_hz(self) -> tuple[int, ...]:
        """Sample rates that the codec supports, in Hz."""
        return tuple(Codec(self.codec, "w").audio_rates or ())


# Without reservoir every frame holds its own bits, so a stream can be cut between any two.
# Level 7 does without LAME's psychoacoustics: half the cost, and speech comes out nearer to itself.
MP3 = Coding(
    "mp3",
    "libmp3lame",
    64_000,
    True,
    codec_options={"reservoir": "0", "compression_level": "7"},
    stream_options={"write_xing": "0", "id3v2_version": "0"},
    file_options={"write_xing": "1", "id3v2_version": "0"},
)
OGG_OPUS = Coding(
    "ogg",
    "libopus",
    32_000,
    False,
    stream_options={"page_duration": "1", "flush_packets": "1"},
)
WEBM_OPUS = Coding(
    "webm",
    "libopus",
    32_000,
    False,
    stream_options={"live": "1", "cluster_time_limit": "0", "flush_packets": "1"},
)


class CodedFile:
    """A file in one of the codings above, or a stream: a file whose bytes come while it is written.

    Its rate is one of `Coding.rates_hz`.
    """

    def __init__(self, coding: Coding, sample_rate_hz: int, *, is_stream: bool) -> None:
        self._sink = _StreamSink() if is_stream else _FileSink()
        options = coding.stream_options if is_stream else coding.file_options
        self._container = av.open(self._sink, "w", format=coding.container, options=options)
        stream = self._container.add_stream(
            coding.codec, rate=sample_rate_hz, options=coding.codec_options
        )
        self._stream = cast(AudioStream, stream)
        self._stream.codec_context.layout = "mono"
        self._stream.codec_context.bit_rate = coding.bit_rate
        self._stream.codec_context.open()
        self._sample_rate_hz = sample_rate_hz
        self._is_padded = is_stream and coding.pads_streams
        self._written_samples = 0
        self._packets = 0

    @property
    def sounding_samples(self) -> int:
        """See `AudioFile.sounding_samples`."""
        coded = self._packets * self._stream.codec_context.frame_size
        return coded if self._is_padded else min(coded, self._written_samples)

    def write(self, samples: bytes) -> bytes:
        """See `AudioFile.write`."""
        if not samples:
            return b""
        frame = frame_of(samples, self._sample_rate_hz)
        frame.pts = self._written_samples
        frame.time_base = Fraction(1, self._sample_rate_hz)
        self._written_samples += frame.samples
        self._mux(self._stream.encode(frame))
        return self._sink.take()

    def close(self) -> bytes:
        """See `AudioFile.close`."""
        self._mux(self._stream.encode(None))
        self._container.close()
        return self._sink.take(is_closed=True)

    def _mux(self, packets: "list[Packet[AudioStream]]") -> None:
        self._packets += len(packets)
        self._container.mux(packets)


class _StreamSink:
    """Output of a muxer that cannot seek back."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self, *, is_closed: bool = False) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


class _FileSink(io.BytesIO):
    """Output of a muxer that seeks back to complete the header."""

    def take(self, *, is_closed: bool = False) -> bytes:
        return self.getvalue() if is_closed else b""
