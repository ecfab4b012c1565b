"""From the blocks of a synthesizer to chunks in the format that a client plays."""

from array import array
from dataclasses import dataclass
from typing import Protocol

from cedar_voice_service.audio.encoders import files
from cedar_voice_service.audio.encoders.files import (
    AudioFile,
    CodedFile,
    LateFile,
    RawFile,
    WavFile,
)
from cedar_voice_service.audio.encoders.mp3 import FrameQueue, Mp3Frames, frame_samples
from cedar_voice_service.audio.encoders.output_resampler import OutputResampler
from cedar_voice_service.audio.formats import (
    OUTPUT_ENCODINGS,
    SAMPLE_BYTES,
    AudioFormat,
    Encoding,
    Framing,
    Sound,
)
from cedar_voice_service.errors import CallerError, Code

DEFAULT_RATE_HZ = 24_000

CHUNK_MS = 120
"""Least sound per chunk of a stream: whole frames of MP3 and of Opus."""

MAX_CHUNK_MS = 5 * CHUNK_MS
"""Most sound per chunk of a stream: what is there at once goes out at once, up to this at most."""

MIN_PIECE_MS = 4_000
MAX_PIECE_MS = 6_000
"""A phrase longer than this is cut into pieces, at the quietest place after `MIN_PIECE_MS`."""

MAX_WHOLE_MS = 60_000
"""A whole response longer than this comes in several files."""

_QUIET_MS = 20


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """Encoded sound and its place in the response. Each chunk begins where the one before ends.

    `continues` says that its bytes are of the same file as those before.
    """

    data: bytes
    offset_ms: int
    duration_ms: int
    continues: bool = False


class SpeechEncoder(Protocol):
    """Encodes one response, phrase after phrase."""

    @property
    def format(self) -> AudioFormat:
        """What the chunks really are: no 0 and no AUTO in it."""
        ...

    @property
    def passes_mp3(self) -> bool:
        """Whether MP3 is better fed as it is than as samples: its frames are passed on."""
        ...

    def feed(self, sound: Sound, gain: float = 1.0) -> list[EncodedChunk]:
        """Encode samples of any rate, made softer by `gain`, 0.0 to 1.0.

        MP3 keeps its own loudness.

        Raises:
            CallerError: what is to be MP3 is none.
        """
        ...

    def end_phrase(self) -> list[EncodedChunk]:
        """A phrase is complete: give out what a listener should not wait for.

        Raises:
            CallerError: as `feed`.
        """
        ...

    def flush(self) -> list[EncodedChunk]:
        """The response is complete: give out all the rest."""
        ...


def open_encoder(
    audio_format: AudioFormat, framing: Framing, *, max_chunk_ms: int = MAX_CHUNK_MS
) -> SpeechEncoder:
    """An encoder for one response. `Encoding.AUTO` is MP3, a rate of 0 is 24 kHz.

    Args:
        audio_format: what the chunks are.
        framing: how they are cut.
        max_chunk_ms: most sound per chunk of a stream; `CHUNK_MS` is kept to, `MAX_CHUNK_MS` too.

    Raises:
        CallerError: `UNSUPPORTED_AUDIO_FORMAT`: input only, or a rate the codec does not know.
    """
    effective = _effective(audio_format)
    if framing is Framing.CONTINUOUS:
        return StreamEncoder(effective, max_chunk_ms)
    if framing is Framing.WHOLE:
        return WholeEncoder(effective)
    return PhraseEncoder(effective)


class StreamEncoder:
    """One growing file, cut as its bytes come. See `SpeechEncoder`, and `open_encoder`."""

    def __init__(self, audio_format: AudioFormat, max_chunk_ms: int) -> None:
        self.format = audio_format
        self.passes_mp3 = audio_format.encoding is Encoding.MP3
        self._file = _open_stream(audio_format)
        self._resampler = OutputResampler(audio_format.sample_rate_hz, passes_mp3=self.passes_mp3)
        self._chunk_bytes = _whole_frames(CHUNK_MS, audio_format)
        self._max_chunk_bytes = _whole_frames(
            max(CHUNK_MS, min(max_chunk_ms, MAX_CHUNK_MS)), audio_format
        )
        self._samples = bytearray()
        self._passing = FrameQueue()
        self._finished_samples = 0
        """Samples that were given out before the file."""
        self._offset_ms = 0

    def feed(self, sound: Sound, gain: float = 1.0) -> list[EncodedChunk]:
        """See `SpeechEncoder.feed`."""
        return self._take(self._resampler.feed(sound, gain))

    def end_phrase(self) -> list[EncodedChunk]:
        """See `SpeechEncoder.end_phrase`."""
        chunks = self._take(self._resampler.flush())
        return [*chunks, *self._pass(self._passing.count), *self._write(len(self._samples))]

    def flush(self) -> list[EncodedChunk]:
        """See `SpeechEncoder.flush`."""
        return self.end_phrase() + self._chunk(self._file.close())

    def _take(self, parts: list[bytes | Mp3Frames]) -> list[EncodedChunk]:
        chunks: list[EncodedChunk] = []
        for part in parts:
            if isinstance(part, Mp3Frames):
                chunks += self._end_file()
                self._passing.put(part)
                frame_bytes = self._passing.frame_samples * SAMPLE_BYTES
                while self._passing.count >= self._chunk_bytes // frame_bytes:
                    most = self._max_chunk_bytes // frame_bytes
                    chunks += self._pass(min(self._passing.count, most))
            else:
                chunks += self._pass(self._passing.count)
                self._samples += part
                while whole := len(self._samples) // self._chunk_bytes:
                    chunks += self._write(min(whole * self._chunk_bytes, self._max_chunk_bytes))
        return chunks

    def _write(self, count: int) -> list[EncodedChunk]:
        samples = bytes(self._samples[:count])
        del self._samples[:count]
        return self._chunk(self._file.write(samples))

    def _pass(self, frame_count: int) -> list[EncodedChunk]:
        self._finished_samples += frame_count * self._passing.frame_samples
        return self._chunk(self._passing.take(frame_count))

    def _end_file(self) -> list[EncodedChunk]:
        """Make way for frames that were encoded elsewhere."""
        chunks = self._write(len(self._samples)) + self._chunk(self._file.close())
        self._finished_samples += self._file.sounding_samples
        self._file = _open_stream(self.format)
        return chunks

    def _chunk(self, data: bytes) -> list[EncodedChunk]:
        if not data:
            return []
        start_ms = self._offset_ms
        samples = self._finished_samples + self._file.sounding_samples
        self._offset_ms = _ms(samples, self.format.sample_rate_hz)
        continues = self.format.encoding is not Encoding.WAV
        return [EncodedChunk(data, start_ms, self._offset_ms - start_ms, continues)]


class PhraseEncoder:
    """A file per phrase, or per piece of a long one. See `SpeechEncoder`.

    Encodes while it is fed, so that no call is long; only what may yet be cut waits. MP3 frames are
    passed on, unless a long phrase has no frame to cut before: that one is decoded and encoded.
    """

    def __init__(self, audio_format: AudioFormat) -> None:
        self.format = audio_format
        self.passes_mp3 = audio_format.encoding is Encoding.MP3
        self._resampler = OutputResampler(audio_format.sample_rate_hz, passes_mp3=self.passes_mp3)
        self._min_bytes = _bytes_of(MIN_PIECE_MS, audio_format.sample_rate_hz)
        self._max_bytes = _bytes_of(MAX_PIECE_MS, audio_format.sample_rate_hz)
        self._samples = bytearray()
        self._passing = FrameQueue()
        self._file = _open_file(audio_format)
        self._encoded: list[bytes] = []
        self._encoded_bytes = 0
        """Samples that are in the file."""
        self._finished_samples = 0
        """Samples in the files before it."""

    def feed(self, sound: Sound, gain: float = 1.0) -> list[EncodedChunk]:
        """See `SpeechEncoder.feed`."""
        return self._take(self._resampler.feed(sound, gain))

    def end_phrase(self) -> list[EncodedChunk]:
        """See `SpeechEncoder.end_phrase`."""
        chunks = self._take(self._resampler.flush())
        self._write(len(self._samples))
        return [*chunks, *self._end_piece(), *self._pass(self._passing.count)]

    def flush(self) -> list[EncodedChunk]:
        """See `SpeechEncoder.flush`."""
        return self.end_phrase()

    def _take(self, parts: list[bytes | Mp3Frames]) -> list[EncodedChunk]:
        chunks: list[EncodedChunk] = []
        for part in parts:
            if isinstance(part, Mp3Frames):
                self._passing.put(part)
                chunks += self._pass_pieces()
            else:
                self._samples += part
                chunks += self._encode_pieces()
        return chunks

    def _encode_pieces(self) -> list[EncodedChunk]:
        chunks: list[EncodedChunk] = []
        while self._encoded_bytes + len(self._samples) > self._max_bytes:
            self._write(self._min_bytes - self._encoded_bytes)
            candidates = self._samples[: self._max_bytes - self._min_bytes]
            self._write(_quietest(candidates, self.format.sample_rate_hz))
            chunks += self._end_piece()
        self._write(self._min_bytes - self._encoded_bytes)
        return chunks

    def _pass_pieces(self) -> list[EncodedChunk]:
        chunks: list[EncodedChunk] = []
        while self._passing.sample_count * SAMPLE_BYTES > self._max_bytes:
            cut = self._passing.last_cut(
                self._min_bytes // SAMPLE_BYTES, self._max_bytes // SAMPLE_BYTES
            )
            if cut is None:
                self._samples += self._resampler.decode(self._passing.take_all())
                return chunks + self._encode_pieces()
            chunks += self._pass(cut)
        return chunks

    def _pass(self, frame_count: int) -> list[EncodedChunk]:
        data = self._passing.take(frame_count)
        return self._chunk(data, frame_count * self._passing.frame_samples)

    def _write(self, at_most: int) -> None:
        samples = bytes(self._samples[:at_most])
        del self._samples[:at_most]
        self._encoded_bytes += len(samples)
        self._encoded.append(self._file.write(samples))

    def _end_piece(self) -> list[EncodedChunk]:
        if not self._encoded_bytes:
            return []
        data = b"".join((*self._encoded, self._file.close()))
        chunks = self._chunk(data, self._file.sounding_samples)
        self._file = _open_file(self.format)
        self._encoded.clear()
        self._encoded_bytes = 0
        return chunks

    def _chunk(self, data: bytes, sample_count: int) -> list[EncodedChunk]:
        start_ms = _ms(self._finished_samples, self.format.sample_rate_hz)
        self._finished_samples += sample_count
        end_ms = _ms(self._finished_samples, self.format.sample_rate_hz)
        return [EncodedChunk(data, start_ms, end_ms - start_ms)] if data else []


class WholeEncoder:
    """One file for the whole response. See `SpeechEncoder`."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self.format = audio_format
        self.passes_mp3 = False
        self._resampler = OutputResampler(audio_format.sample_rate_hz, passes_mp3=False)
        self._file = _open_file(audio_format)
        self._encoded = bytearray()
        self._offset_ms = 0

    def feed(self, sound: Sound, gain: float = 1.0) -> list[EncodedChunk]:
        """See `SpeechEncoder.feed`."""
        self._write(self._resampler.feed(sound, gain))
        return self._end_file() if self._file_ms >= MAX_WHOLE_MS else []

    def end_phrase(self) -> list[EncodedChunk]:
        """See `SpeechEncoder.end_phrase`: nobody listens yet."""
        self._write(self._resampler.flush())
        return []

    def flush(self) -> list[EncodedChunk]:
        """See `SpeechEncoder.flush`."""
        self.end_phrase()
        return self._end_file()

    def _write(self, parts: list[bytes | Mp3Frames]) -> None:
        for part in parts:
            assert isinstance(part, bytes)  # nothing is passed on
            self._encoded += self._file.write(part)

    @property
    def _file_ms(self) -> int:
        return _ms(self._file.sounding_samples, self.format.sample_rate_hz)

    def _end_file(self) -> list[EncodedChunk]:
        data = bytes(self._encoded) + self._file.close()
        duration_ms = self._file_ms
        start_ms, self._offset_ms = self._offset_ms, self._offset_ms + duration_ms
        self._file = _open_file(self.format)
        self._encoded.clear()
        return [EncodedChunk(data, start_ms, duration_ms)] if duration_ms else []


class _WavSeries:
    """A stream of WAV is a file per chunk: browsers play no other."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self.sounding_samples = 0

    def write(self, samples: bytes) -> bytes:
        if not samples:
            return b""
        self.sounding_samples += len(samples) // SAMPLE_BYTES
        file = WavFile(self._sample_rate_hz)
        return file.write(samples) + file.close()

    def close(self) -> bytes:
        return b""


def _effective(audio_format: AudioFormat) -> AudioFormat:
    encoding = audio_format.encoding
    if encoding is Encoding.AUTO:
        encoding = Encoding.MP3
    if encoding not in OUTPUT_ENCODINGS:
        raise _unsupported(f"{encoding.value} is not offered as output")
    rate_hz = audio_format.sample_rate_hz or DEFAULT_RATE_HZ
    coding = _CODINGS.get(encoding)
    if coding in (files.OGG_OPUS, files.WEBM_OPUS):
        rate_hz = min((rate for rate in coding.rates_hz if rate >= rate_hz), default=48_000)
    if coding is not None and rate_hz not in coding.rates_hz:
        raise _unsupported(f"{encoding.value} is not offered at {rate_hz} Hz")
    return AudioFormat(encoding, rate_hz, 1)


_CODINGS = {
    Encoding.MP3: files.MP3,
    Encoding.OGG_OPUS: files.OGG_OPUS,
    Encoding.WEBM_OPUS: files.WEBM_OPUS,
}


def _open_stream(audio_format: AudioFormat) -> AudioFile:
    if audio_format.encoding is Encoding.PCM_S16LE:
        return RawFile()
    if audio_format.encoding is Encoding.WAV:
        return _WavSeries(audio_format.sample_rate_hz)
    coding = _CODINGS[audio_format.encoding]
    return LateFile(lambda: CodedFile(coding, audio_format.sample_rate_hz, is_stream=True))


def _open_file(audio_format: AudioFormat) -> AudioFile:
    if audio_format.encoding is Encoding.PCM_S16LE:
        return RawFile()
    if audio_format.encoding is Encoding.WAV:
        return WavFile(audio_format.sample_rate_hz)
    coding = _CODINGS[audio_format.encoding]
    return LateFile(lambda: CodedFile(coding, audio_format.sample_rate_hz, is_stream=False))


def _unsupported(message: str) -> CallerError:
    return CallerError(message, code=Code.UNSUPPORTED_AUDIO_FORMAT, field="output_audio.format")


def _bytes_of(duration_ms: int, sample_rate_hz: int) -> int:
    return duration_ms * sample_rate_hz // 1000 * SAMPLE_BYTES


def _whole_frames(duration_ms: int, audio_format: AudioFormat) -> int:
    """Bytes of the samples of so long a sound, or of as many frames as it holds of MP3."""
    rate_hz = audio_format.sample_rate_hz
    size = _bytes_of(duration_ms, rate_hz)
    if audio_format.encoding is not Encoding.MP3:
        return size
    frame_bytes = frame_samples(rate_hz) * SAMPLE_BYTES
    return size // frame_bytes * frame_bytes


def _ms(samples: int, sample_rate_hz: int) -> int:
    return samples * 1000 // sample_rate_hz


def _quietest(samples: bytes | bytearray, sample_rate_hz: int) -> int:
    """Where in `samples` the quietest 20 ms have their middle, in bytes."""
    values = array("h", bytes(samples))
    window = sample_rate_hz * _QUIET_MS // 1000
    starts = range(0, len(values) - window + 1, window)
    quietest = min(starts, key=lambda at: sum(map(abs, values[at : at + window])), default=0)
    return (quietest + window // 2) * SAMPLE_BYTES
