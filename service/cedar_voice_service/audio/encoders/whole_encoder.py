"""A response as one file that is sent once it is complete."""

from collections.abc import Callable, Sequence

from cedar_voice_service.audio.encoders.files import open_file
from cedar_voice_service.audio.encoders.mp3_frames import Mp3Frames
from cedar_voice_service.audio.formats import AudioFormat, EncodedChunk, duration_ms_of

MAX_WHOLE_MS = 60_000
"""A whole response longer than this comes in several files."""


class WholeEncoder:
    """One file for the whole response. See `PartEncoder`.

    Args:
        audio_format: the format of the file.
        decode: decodes MP3 frames to samples; may raise a `CallerError`.
    """

    def __init__(
        self, audio_format: AudioFormat, decode: Callable[[Sequence[bytes]], bytes]
    ) -> None:
        self._format = audio_format
        self._decode = decode
        self._file = open_file(audio_format)
        self._encoded = bytearray()
        self._offset_ms = 0

    def encode(self, parts: list[bytes | Mp3Frames]) -> list[EncodedChunk]:
        """See `PartEncoder.encode`."""
        self._write(parts)
        return self._end_file() if self._file_ms >= MAX_WHOLE_MS else []

    def end_phrase(self, parts: list[bytes | Mp3Frames]) -> list[EncodedChunk]:
        """See `PartEncoder.end_phrase`: nothing is played before the end."""
        self._write(parts)
        return []

    def flush(self) -> list[EncodedChunk]:
        """See `PartEncoder.flush`."""
        return self._end_file()

    def _write(self, parts: list[bytes | Mp3Frames]) -> None:
        for part in parts:
            samples = self._decode(part.frames) if isinstance(part, Mp3Frames) else part
            self._encoded += self._file.write(samples)

    @property
    def _file_ms(self) -> int:
        return duration_ms_of(self._file.sounding_samples, self._format.sample_rate_hz)

    def _end_file(self) -> list[EncodedChunk]:
        data = bytes(self._encoded) + self._file.close()
        duration_ms = self._file_ms
        start_ms, self._offset_ms = self._offset_ms, self._offset_ms + duration_ms
        self._file = open_file(self._format)
        self._encoded.clear()
        return [EncodedChunk(data, start_ms, duration_ms)] if duration_ms else []
