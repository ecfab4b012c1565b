"""The file of the spoken answer."""

import wave
from collections.abc import Mapping
from pathlib import Path

from cedar_voice_client import AudioEncoding, AudioFormat
from cedar_voice_client.events import AudioChunk

_FORMATS: Mapping[str, AudioFormat] = {
    ".wav": AudioFormat(AudioEncoding.PCM_S16LE, 24_000),
    ".mp3": AudioFormat(AudioEncoding.MP3),
    ".ogg": AudioFormat(AudioEncoding.OGG_OPUS),
    ".opus": AudioFormat(AudioEncoding.OGG_OPUS),
}
SUFFIXES = tuple(_FORMATS)


class AnswerFile:
    """Collects answer audio and writes it in the format that the file's suffix selects."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.duration_ms = 0
        self._format = _FORMATS[path.suffix.lower()]
        self._rate_hz = self._format.sample_rate_hz
        self._audio = bytearray()

    @property
    def format(self) -> AudioFormat:
        """Audio format to request from the server."""
        return self._format

    def add(self, chunk: AudioChunk) -> None:
        """Append the next chunk."""
        self._audio += chunk.data
        self.duration_ms += chunk.duration_ms
        if chunk.format is not None and chunk.format.sample_rate_hz:
            self._rate_hz = chunk.format.sample_rate_hz

    def write(self) -> bool:
        """Write the file if there is audio; return whether it was written.

        Raises:
            OSError: the file cannot be written.
        """
        if not self._audio:
            return False
        if self._format.encoding is not AudioEncoding.PCM_S16LE:
            self.path.write_bytes(self._audio)
            return True
        with wave.open(str(self.path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self._rate_hz)
            file.writeframes(self._audio)
        return True
