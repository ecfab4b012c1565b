"""The ear of a session: decodes what the microphone sends and tells where speech is in it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cedar_voice_service.audio.containers.recognition import Verdict, recognize
from cedar_voice_service.audio.decoder import Decoder, open_decoder
from cedar_voice_service.audio.formats import (
    LISTENING_RATE_HZ,
    SAMPLE_BYTES,
    AudioFormat,
    Encoding,
    Pcm,
)
from cedar_voice_service.audio.speech_detector import SpeechDetector, SpeechEdge
from cedar_voice_service.errors import CallerError

MAX_BLOCK_MS = 100
"""Longest block that is told at once."""

_MAX_BLOCK_BYTES = LISTENING_RATE_HZ * MAX_BLOCK_MS // 1000 * SAMPLE_BYTES


@dataclass(frozen=True, slots=True)
class Heard:
    """A block of sound and the edges of speech that it made known.

    Times are milliseconds of sound since the session began: `end_ms` is where the block ends, the
    edges lie at or before it.
    """

    pcm: Pcm
    end_ms: int
    edges: tuple[SpeechEdge, ...] = ()


class Ear:
    """Hears one session: recordings come and go, its time line goes on.

    Args: as for `SpeechDetector`.
    """

    def __init__(self, threshold: float, min_speech_ms: int) -> None:
        self._detector = SpeechDetector(threshold, min_speech_ms)
        self._format = AudioFormat()
        self._decoder: Decoder | None = open_decoder(self._format)
        self._head = b""
        """While deaf: bytes that may yet be a header."""
        self._heard_samples = 0

    @property
    def speaking(self) -> bool:
        """Whether the user speaks."""
        return self._detector.speaking

    def tune(self, threshold: float, min_speech_ms: int) -> None:
        """Change what counts as speech from here on."""
        self._detector.tune(threshold, min_speech_ms)

    def begin(self, audio_format: AudioFormat) -> None:
        """The bytes from here on are a new recording: speech that goes on in it begins anew.

        Raises:
            CallerError: it cannot be decoded; what follows is dropped until the next header.
        """
        self.end()
        self._detector.flush()
        self._format = AudioFormat()
        self._decoder = open_decoder(audio_format)
        self._format = audio_format

    def end(self) -> None:
        """The recording is over. What still comes of it is dropped until the next header.

        Raw PCM has no header: its next bytes are a new recording.
        """
        self._decoder = None
        self._head = b""

    def feed(self, data: bytes) -> list[Heard]:
        """Hear the bytes of a recording, as the client encoded them.

        Raises:
            CallerError: they cannot be decoded. Told once; what follows is dropped until the next
                header or `begin`.
        """
        if self._decoder is None:
            data = self._wake(data)
        if self._decoder is None or not data:
            return []
        try:
            return list(self._listen(self._decoder.feed(data)))
        except CallerError:
            self.end()
            raise

    def flush(self) -> list[Heard]:
        """The recording is over: hear what the decoder still holds, then as `end`.

        Speech ends with the recording: a last block, which may be empty, tells so.

        Raises:
            CallerError: what is left cannot be decoded.
        """
        decoder = self._decoder
        self.end()
        try:
            heard = list(self._listen(decoder.flush())) if decoder is not None else []
        finally:
            edges = tuple(self._detector.flush())
        if edges:
            heard.append(Heard(Pcm(b""), self._heard_ms, edges))
        return heard

    def _wake(self, data: bytes) -> bytes:
        """Listen again if a recording begins here; the bytes it begins with."""
        self._head += data
        is_raw = self._format.encoding is Encoding.PCM_S16LE
        found = recognize(self._head)
        if found is Verdict.UNDECIDED and not is_raw:
            return b""
        data, self._head = self._head, b""
        if is_raw or isinstance(found, Encoding):
            self._decoder = open_decoder(self._format)
        return data

    @property
    def _heard_ms(self) -> int:
        return self._heard_samples * 1000 // LISTENING_RATE_HZ

    def _listen(self, blocks: Iterable[Pcm]) -> Iterator[Heard]:
        samples = b"".join(block.data for block in blocks)
        for at in range(0, len(samples), _MAX_BLOCK_BYTES):
            block = Pcm(samples[at : at + _MAX_BLOCK_BYTES])
            edges = tuple(self._detector.feed(block))
            self._heard_samples += block.sample_count
            yield Heard(block, self._heard_ms, edges)
