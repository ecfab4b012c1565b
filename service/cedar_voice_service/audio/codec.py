"""Decoders of libav: packets of a track in, mono samples out. Nothing of libavformat is used."""

from collections.abc import Iterable
from typing import cast

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet

from cedar_voice_service.audio.containers.parts import Track
from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, is_decoded_rate
from cedar_voice_service.audio.resampler import Resampler
from cedar_voice_service.errors import BrokenAudio, UnsupportedAudio

MAX_FAILED_PACKETS = 10
"""Packets in a row that may fail before the recording is abandoned."""


class TrackDecoder:
    """Decodes one track, by default at the rate of speech recognition. Drops damaged packets."""

    def __init__(self, track: Track, sample_rate_hz: int = LISTENING_RATE_HZ) -> None:
        codec = cast(AudioCodecContext, CodecContext.create(track.codec, "r"))
        codec.thread_count = 1
        if track.extradata:
            codec.extradata = track.extradata
        if track.sample_rate_hz:
            codec.sample_rate = track.sample_rate_hz
        if track.channel_count:
            codec.layout = f"{track.channel_count} channels"
        self._codec = codec
        self._resampler = Resampler(sample_rate_hz)
        self._failed_packets = 0
        self._has_decoded = False

    def decode(self, packet: bytes) -> bytes:
        """Decode one packet; return its samples.

        Raises:
            BrokenAudio: too many packets in a row cannot be decoded.
            UnsupportedAudio: the packet has a rate that is not decoded.
        """
        try:
            samples = self._samples_of(self._codec.decode(Packet(packet)))
        except FFmpegError:
            self._failed_packets += 1
            if self._failed_packets >= MAX_FAILED_PACKETS:
                raise BrokenAudio("the audio cannot be decoded") from None
            return b""
        self._failed_packets = 0
        self._has_decoded = True
        return samples

    def flush(self) -> bytes:
        """Return the samples that decoder and resampler still hold.

        Raises:
            BrokenAudio: there were packets, and none could be decoded.
        """
        if not self._has_decoded:
            if self._failed_packets:
                raise BrokenAudio("the audio cannot be decoded")
            return b""
        try:
            return self._samples_of(self._codec.decode(None)) + self._resampler.flush()
        except FFmpegError:
            return b""

    def _samples_of(self, frames: Iterable[AudioFrame]) -> bytes:
        samples = []
        for frame in frames:
            if not is_decoded_rate(frame.sample_rate):
                raise UnsupportedAudio(f"a sample rate of {frame.sample_rate} Hz is not decoded")
            samples.append(self._resampler.feed(frame))
        return b"".join(samples)
