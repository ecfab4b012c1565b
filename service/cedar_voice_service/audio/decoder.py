"""From the bytes of a recording, however cut, to 16 kHz mono samples."""

from contextlib import suppress
from typing import Protocol

from cedar_voice_service.audio.codec import TrackDecoder
from cedar_voice_service.audio.containers.elementary import ElementaryReader, Mp3Reader
from cedar_voice_service.audio.containers.mp4 import Mp4Reader
from cedar_voice_service.audio.containers.ogg import OggReader
from cedar_voice_service.audio.containers.parts import Part, Reader, Track
from cedar_voice_service.audio.containers.raw import PcmReader, pcm_track
from cedar_voice_service.audio.containers.wav import WavReader
from cedar_voice_service.audio.containers.webm import WebmReader
from cedar_voice_service.audio.formats import (
    LISTENING_RATE_HZ,
    SAMPLE_BYTES,
    AudioFormat,
    Encoding,
)
from cedar_voice_service.errors import BrokenAudio, CallerError, UnsupportedAudio
from cedar_voice_shared.containers import Container, recognize

MAX_AHEAD_MS = 120_000
"""Most sound that one call of `feed` or `flush` returns."""

MAX_MS_PER_BYTE = 8
"""In the long run: 1 kbit/s, a sixth of the lowest bit rate of speech."""


class Decoder(Protocol):
    """Decodes consecutive recordings."""

    def feed(self, data: bytes) -> bytes:
        """Receive more bytes; return the samples that are complete.

        Raises:
            CallerError: `BrokenAudio` or `UnsupportedAudio`; never anything else, whatever the
                bytes. The decoder is of no further use.
        """
        ...

    def flush(self) -> bytes:
        """End the recording; return the samples that were held back.

        Raises:
            CallerError: as `feed`.
        """
        ...


def open_decoder(audio_format: AudioFormat) -> Decoder:
    """Open a decoder for a client's audio.

    With `Encoding.AUTO`, recordings of different encodings may follow each other, each begun at the
    front of a `feed`.

    Raises:
        UnsupportedAudio: raw PCM without a sample rate, or with one that is not decoded.
    """
    if audio_format.encoding is Encoding.PCM_S16LE and not audio_format.sample_rate_hz:
        raise UnsupportedAudio("raw PCM needs its sample rate", field="input_audio.sample_rate_hz")
    return RecordingDecoder(audio_format)


class RecordingDecoder:
    """See `Decoder`. Finds the reader of each recording and the codec of each track."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._encoding: Encoding | None = None
        self._reader: Reader | None = None
        self._track: TrackDecoder | None = None
        self._head = b""
        self._allowance = Allowance()
        if audio_format.encoding is not Encoding.AUTO:
            self._open(audio_format.encoding)

    def feed(self, data: bytes) -> bytes:
        """See `Decoder.feed`."""
        self._allowance.earn(len(data))
        samples: list[bytes] = []
        if self._begins_anew(data):
            with suppress(CallerError):  # a damaged recording does not spoil the next one
                samples += self._close()
            self._reader = None
        if self._reader is None:
            data = self._recognize(data)
        if self._reader is not None:
            samples += [self._samples_of(part) for part in self._reader.feed(data)]
        return b"".join(samples)

    def flush(self) -> bytes:
        """See `Decoder.flush`."""
        if self._head:
            raise UnsupportedAudio("the audio is too short to recognize its encoding")
        return b"".join(self._close())

    def _open(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._reader = _open_reader(encoding, self._format)

    def _begins_anew(self, data: bytes) -> bool:
        """Whether a new recording begins here, even if the one before ends inside a packet."""
        found = recognize(data)
        if self._reader is None or found.container is None or not found.begins_header:
            return False
        if _ENCODINGS[found.container] is self._encoding:
            return found.container is not Container.OGG  # its reader can continue with the next one
        return self._format.encoding is Encoding.AUTO

    def _recognize(self, data: bytes) -> bytes:
        """Choose the reader once the bytes identify it; return the bytes that it starts with."""
        self._head += data
        found = recognize(self._head)
        if found.container is not None:
            self._open(_ENCODINGS[found.container])
            data, self._head = self._head, b""
        elif not found.may_begin:
            raise UnsupportedAudio("the encoding of the audio is not recognized")
        return data

    def _samples_of(self, part: Part) -> bytes:
        if isinstance(part, Track):
            samples = self._end_track()
            self._track = TrackDecoder(part)
        else:
            samples = b"" if self._track is None else self._track.decode(part)
        self._allowance.spend(len(samples) // SAMPLE_BYTES)
        return samples

    def _end_track(self) -> bytes:
        tail = b"" if self._track is None else self._track.flush()
        self._track = None
        return tail

    def _close(self) -> list[bytes]:
        parts = [] if self._reader is None else self._reader.flush()
        return [*(self._samples_of(part) for part in parts), self._end_track()]


class Allowance:
    """Limits the sound that bytes may become, so that few bytes cannot cost much work."""

    def __init__(self) -> None:
        self._left_ms: float = MAX_AHEAD_MS

    def earn(self, byte_count: int) -> None:
        """Extend the allowance by received bytes."""
        self._left_ms = min(MAX_AHEAD_MS, self._left_ms + byte_count * MAX_MS_PER_BYTE)

    def spend(self, sample_count: int) -> None:
        """Reduce the allowance by decoded samples.

        Raises:
            BrokenAudio: the bytes received so far do not allow so many.
        """
        self._left_ms -= sample_count * 1000 / LISTENING_RATE_HZ
        if self._left_ms < 0:
            raise BrokenAudio("the audio holds more sound than is decoded at once")


_ENCODINGS = {
    Container.WEBM: Encoding.WEBM_OPUS,
    Container.OGG: Encoding.OGG_OPUS,
    Container.WAV: Encoding.WAV,
    Container.FLAC: Encoding.FLAC,
    Container.MP4: Encoding.MP4,
    Container.MP3: Encoding.MP3,
}


def _open_reader(encoding: Encoding, audio_format: AudioFormat) -> Reader:
    match encoding:
        case Encoding.WEBM_OPUS:
            return WebmReader()
        case Encoding.OGG_OPUS:
            return OggReader()
        case Encoding.MP4:
            return Mp4Reader()
        case Encoding.WAV:
            return WavReader()
        case Encoding.MP3:
            return Mp3Reader()
        case Encoding.FLAC:
            return ElementaryReader(Track("flac"))
        case Encoding.PCM_S16LE:
            channels = audio_format.channel_count or 1
            track = pcm_track("pcm_s16le", audio_format.sample_rate_hz, channels)
            return PcmReader(track, SAMPLE_BYTES)
        case Encoding.AUTO:
            raise UnsupportedAudio("the encoding of the audio is not recognized")
