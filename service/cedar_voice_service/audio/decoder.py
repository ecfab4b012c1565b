"""From the bytes of a recording, however cut, to 16 kHz mono samples."""

from contextlib import suppress
from typing import Protocol

from cedar_voice_service.audio.codec import TrackDecoder
from cedar_voice_service.audio.containers.elementary import ElementaryReader, Mp3Reader
from cedar_voice_service.audio.containers.mp4 import Mp4Reader
from cedar_voice_service.audio.containers.ogg import OggReader
from cedar_voice_service.audio.containers.parts import Part, Reader, Track
from cedar_voice_service.audio.containers.raw import PcmReader, pcm_track
from cedar_voice_service.audio.containers.recognition import Verdict, recognize
from cedar_voice_service.audio.containers.wav import WavReader
from cedar_voice_service.audio.containers.webm import WebmReader
from cedar_voice_service.audio.formats import (
    LISTENING_RATE_HZ,
    SAMPLE_BYTES,
    AudioFormat,
    Encoding,
)
from cedar_voice_service.errors import BrokenAudio, CallerError, UnsupportedAudio

MAX_AHEAD_MS = 120_000
"""Most sound that one call of `feed` or `flush` gives out."""

MAX_MS_PER_BYTE = 8
"""In the long run: 1 kbit/s, a sixth of the leanest speech."""


class Decoder(Protocol):
    """Decodes recordings, one after the other."""

    def feed(self, data: bytes) -> bytes:
        """Take more bytes; gives the samples that can be heard now.

        Raises:
            CallerError: `AUDIO_DECODE_FAILED` or `UNSUPPORTED_AUDIO_FORMAT`; never anything else,
                whatever the bytes. The decoder is of no further use.
        """
        ...

    def flush(self) -> bytes:
        """The recording ends here; gives what was held back.

        Raises:
            CallerError: as `feed`.
        """
        ...


def open_decoder(audio_format: AudioFormat) -> Decoder:
    """A decoder for a client's audio.

    With `Encoding.AUTO`, recordings of different encodings may follow each other, each begun at the
    front of a `feed`.

    Raises:
        CallerError: raw PCM without a sample rate, or with one beyond what is decoded.
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
            with suppress(CallerError):  # what was wrong with the last one is no fault of this one
                samples += self._close()
            self._reader = None
        if self._reader is None:
            data = self._recognize(data)
        if self._reader is not None:
            samples += [self._sound_of(part) for part in self._reader.feed(data)]
        return b"".join(samples)

    def flush(self) -> bytes:
        """See `Decoder.flush`."""
        if self._head:
            raise UnsupportedAudio("the audio is too short to be recognized")
        return b"".join(self._close())

    def _open(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._reader = _open_reader(encoding, self._format)

    def _begins_anew(self, data: bytes) -> bool:
        """Whether a new recording begins here, though the one before may end inside a packet."""
        found = recognize(data)
        if self._reader is None or found not in _UNMISTAKABLE:
            return False
        if found is self._encoding:
            return found is not Encoding.OGG_OPUS  # every page begins so, and its reader can tell
        return self._format.encoding is Encoding.AUTO

    def _recognize(self, data: bytes) -> bytes:
        """Find the reader, if this is enough to tell; the bytes it has to begin with."""
        self._head += data
        found = recognize(self._head)
        if found is Verdict.UNKNOWN:
            raise UnsupportedAudio("the encoding of the audio is not recognized")
        if isinstance(found, Encoding):
            self._open(found)
            data, self._head = self._head, b""
        return data

    def _sound_of(self, part: Part) -> bytes:
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
        return [*(self._sound_of(part) for part in parts), self._end_track()]


class Allowance:
    """How much sound bytes may become, so that few bytes cannot cost much work."""

    def __init__(self) -> None:
        self._left_ms: float = MAX_AHEAD_MS

    def earn(self, byte_count: int) -> None:
        """Bytes arrived."""
        self._left_ms = min(MAX_AHEAD_MS, self._left_ms + byte_count * MAX_MS_PER_BYTE)

    def spend(self, sample_count: int) -> None:
        """Samples were decoded.

        Raises:
            CallerError: more than the bytes were good for.
        """
        self._left_ms -= sample_count * 1000 / LISTENING_RATE_HZ
        if self._left_ms < 0:
            raise BrokenAudio("the audio holds more sound than is decoded at once")


_UNMISTAKABLE = (
    Encoding.WEBM_OPUS,
    Encoding.OGG_OPUS,
    Encoding.MP4,
    Encoding.FLAC,
    Encoding.WAV,
)


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
