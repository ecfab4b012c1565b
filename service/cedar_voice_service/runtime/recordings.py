"""What a client sends, recording after recording, on its way to becoming samples."""

from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.errors import CallerError, EngineError
from cedar_voice_service.workers.decoding import Decoding, LiveDecoder
from cedar_voice_shared.containers import recognize

MAX_DEATHS = 2
"""Decoder processes that a recording may lose; one that loses more may be why they die."""


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
        """While deaf: bytes that may yet be a header."""

    def begin(self, audio_format: AudioFormat) -> None:
        """The bytes from here on are a new recording.

        Raises:
            CallerError: it cannot be decoded; what follows is dropped until the next header.
        """
        self.end()
        self._format = AudioFormat()
        self._listen(audio_format)
        self._format = audio_format

    def end(self) -> None:
        """The recording is over. What still comes of it is dropped until the next header.

        Raw PCM has no header: its next bytes are a new recording.
        """
        if self._decoder is not None:
            self._decoder.close()
        self._decoder = None
        self._head = b""

    async def feed(self, data: bytes) -> bytes:
        """Take bytes as the client encoded them; gives the samples that they complete.

        Raises:
            CallerError: they cannot be decoded. Told once; what follows is dropped until the next
                header or `begin`.
            EngineError: the process that decodes them died or hangs, and sound is lost. What
                follows is decoded by another, unless that happens again and again.
        """
        if self._decoder is None:
            data = self._wake(data)
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
        """The recording is over: gives what the decoder still holds, then as `end`.

        Raises:
            CallerError: what is left cannot be decoded.
            EngineError: the process that decodes it died or hangs.
        """
        decoder, self._decoder = self._decoder, None
        self.end()
        return await decoder.flush() if decoder is not None else b""

    def _listen(self, audio_format: AudioFormat) -> None:
        self._decoder = self._decoding.open(audio_format)
        self._deaths = 0

    def _wake(self, data: bytes) -> bytes:
        """Listen again if a recording begins here; the bytes it begins with."""
        self._head += data
        is_raw = self._format.encoding is Encoding.PCM_S16LE
        found = recognize(self._head)
        if found.begins is None and not is_raw:
            return b""
        data, self._head = self._head, b""
        if is_raw or found.begins:
            self._listen(self._format)
        return data
