"""From the blocks of a synthesizer to chunks in the format that a client plays."""

from typing import Protocol

from cedar_voice_service.audio.encoders.coded_file import OGG_OPUS, WEBM_OPUS
from cedar_voice_service.audio.encoders.files import CODINGS
from cedar_voice_service.audio.encoders.mp3_frames import Mp3Frames
from cedar_voice_service.audio.encoders.output_resampler import OutputResampler
from cedar_voice_service.audio.encoders.phrase_encoder import PhraseEncoder
from cedar_voice_service.audio.encoders.stream_encoder import MAX_CHUNK_MS, StreamEncoder
from cedar_voice_service.audio.encoders.whole_encoder import WholeEncoder
from cedar_voice_service.audio.formats import (
    OUTPUT_ENCODINGS,
    AudioFormat,
    EncodedChunk,
    Encoding,
    Framing,
    Sound,
)
from cedar_voice_service.errors import CallerError, Code

DEFAULT_RATE_HZ = 24_000


class PartEncoder(Protocol):
    """Encodes one response of parts: samples of the encoder's rate, or MP3 frames to pass on."""

    def encode(self, parts: list[bytes | Mp3Frames]) -> list[EncodedChunk]:
        """Encode parts of a phrase; return the chunks that are ready.

        Raises:
            CallerError: frames that cannot be passed on cannot be decoded.
        """
        ...

    def end_phrase(self, parts: list[bytes | Mp3Frames]) -> list[EncodedChunk]:
        """Encode the last parts of a phrase; return all that a listener should not wait for.

        Raises:
            CallerError: as `encode`.
        """
        ...

    def flush(self) -> list[EncodedChunk]:
        """Complete the response after its last phrase; return the rest of it."""
        ...


class SpeechEncoder:
    """Encodes one response, phrase after phrase. Opened by `open_encoder`."""

    def __init__(
        self, audio_format: AudioFormat, resampler: OutputResampler, encoder: PartEncoder
    ) -> None:
        self.format = audio_format
        """Format of the chunks, without a rate of 0 or `Encoding.AUTO`."""
        self._resampler = resampler
        self._encoder = encoder

    @property
    def passes_mp3(self) -> bool:
        """Whether MP3 is better fed unchanged than as samples, since its frames are passed on."""
        return self._resampler.passes_mp3

    def feed(self, sound: Sound, gain: float = 1.0) -> list[EncodedChunk]:
        """Encode sound of any rate, with samples softened by `gain`, 0.0 to 1.0.

        MP3 keeps its own loudness.

        Raises:
            CallerError: sound that claims to be MP3 is not.
        """
        return self._encoder.encode(self._resampler.feed(sound, gain))

    def end_phrase(self) -> list[EncodedChunk]:
        """Complete a phrase; return the sound that a listener should not wait for.

        Raises:
            CallerError: as `feed`.
        """
        return self._encoder.end_phrase(self._resampler.flush())

    def flush(self) -> list[EncodedChunk]:
        """Complete the response; return the rest of its sound."""
        return self.end_phrase() + self._encoder.flush()


def open_encoder(
    audio_format: AudioFormat, framing: Framing, *, max_chunk_ms: int = MAX_CHUNK_MS
) -> SpeechEncoder:
    """Open an encoder for one response. `Encoding.AUTO` is MP3, a rate of 0 is 24 kHz.

    Args:
        audio_format: the format of the chunks.
        framing: how the response is cut into chunks.
        max_chunk_ms: most sound per chunk of a stream, kept within `CHUNK_MS` and `MAX_CHUNK_MS`.

    Raises:
        CallerError: `UNSUPPORTED_AUDIO_FORMAT`: input only, or a rate the codec does not know.
    """
    effective = _effective(audio_format)
    passes_mp3 = effective.encoding is Encoding.MP3 and framing is not Framing.WHOLE
    resampler = OutputResampler(effective.sample_rate_hz, passes_mp3=passes_mp3)
    encoder: PartEncoder
    match framing:
        case Framing.CONTINUOUS:
            encoder = StreamEncoder(effective, max_chunk_ms)
        case Framing.SELF_CONTAINED:
            encoder = PhraseEncoder(effective, resampler.decode)
        case Framing.WHOLE:
            encoder = WholeEncoder(effective, resampler.decode)
    return SpeechEncoder(effective, resampler, encoder)


def _effective(audio_format: AudioFormat) -> AudioFormat:
    encoding = audio_format.encoding
    if encoding is Encoding.AUTO:
        encoding = Encoding.MP3
    if encoding not in OUTPUT_ENCODINGS:
        raise _unsupported(f"{encoding.value} is not offered as output")
    rate_hz = audio_format.sample_rate_hz or DEFAULT_RATE_HZ
    coding = CODINGS.get(encoding)
    if coding in (OGG_OPUS, WEBM_OPUS):
        rate_hz = min((rate for rate in coding.rates_hz if rate >= rate_hz), default=48_000)
    if coding is not None and rate_hz not in coding.rates_hz:
        raise _unsupported(f"{encoding.value} is not offered at {rate_hz} Hz")
    return AudioFormat(encoding, rate_hz, 1)


def _unsupported(message: str) -> CallerError:
    return CallerError(message, code=Code.UNSUPPORTED_AUDIO_FORMAT, field="output_audio.format")
