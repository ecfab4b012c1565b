"""Recordings of a client, one after the other, decoded to samples."""

from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.errors import CallerError, EngineError
from cedar_voice_service.workers.decoding import Decoding, LiveDecoder
from cedar_voice_shared.containers import recognize

MAX_DEATHS = 2
"""Decoder processes that a recording may lose; one that loses more may be the cause."""


class Recordings:
    """The recordings of one session: decoded, or dropped until the next one begins.

    Args:
        decoding: opens the decoders.
    """

    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding
        self._format = AudioFormat()
        self._decoder: LiveDecoder | None = decoding.open(self._format)
        self._deaths = 0
        self._head = b""
        """While no recording is decoded: bytes that may be the beginning of a header."""

    def begin(self, audio_format: AudioFormat) -> None:
        """Begin a recording: the next bytes are its first.

        Raises:
            CallerError: the format cannot be decoded; bytes are dropped until the next header.
        """
        self.end()
        self._format = AudioFormat()
        self._open_decoder(audio_format)
        self._format = audio_format

    def end(self) -> None:
        """End the recording: late bytes of it are dropped until the next header.

        Raw PCM has no header: its next bytes begin a new recording.
        """
        if self._decoder is not None:
            self._decoder.close()
        self._decoder = None
        self._head = b""

    async def feed(self, data: bytes) -> bytes:
        """Decode bytes of the client; returns the samples that they complete.

        Raises:
            CallerError: they cannot be decoded. Raised once; later bytes are dropped until the next
                header or `begin`.
            EngineError: the process that decodes them died or hangs, and sound is lost. Later bytes
                are decoded by another process, unless that happens again and again.
        """
        if self._decoder is None:
            data = self._await_header(data)
        if self._decoder is None or not data:
            return b""
        try:
            return await self._decoder.feed(data)
        except CallerError:
            self.end()
            raise
        except EngineError:
            self._deaths += 1
            if self._deaths > MAX_DEATHS:
                self.end()
            raise

    async def flush(self) -> bytes:
        """Return the samples that the decoder still holds, and end the recording.

        Raises:
            CallerError: the rest cannot be decoded.
            EngineError: the process that decodes it died or hangs.
        """
        decoder, self._decoder = self._decoder, None
        self.end()
        return await decoder.flush() if decoder is not None else b""

    def _open_decoder(self, audio_format: AudioFormat) -> None:
        self._decoder = self._decoding.open(audio_format)
        self._deaths = 0

    def _await_header(self, data: bytes) -> bytes:
        """Open a decoder if a recording begins here; returns the bytes that it begins with."""
        self._head += data
        is_raw = self._format.encoding is Encoding.PCM_S16LE
        found = recognize(self._head)
        if found.begins is None and not is_raw:
            return b""
        data, self._head = self._head, b""
        if is_raw or found.begins:
            self._open_decoder(self._format)
        return data
