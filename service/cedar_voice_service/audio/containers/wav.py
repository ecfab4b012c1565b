"""RIFF WAVE, also as programs stream it, with sizes that were unknown when it was written."""

import struct

from cedar_voice_service.audio.containers.parts import Part, Track
from cedar_voice_service.audio.containers.raw import PcmReader, pcm_track
from cedar_voice_service.errors import BrokenAudio, UnsupportedAudio

MAX_FORMAT_BYTES = 1 << 10
UNKNOWN_SIZE = 0x7FFF0000
"""Streaming programs write data sizes from here on, or 0, for data without a known end."""

_HEADER = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHIIHH")
_EXTENSIBLE = 0xFFFE
_CODECS = {
    (1, 8): "pcm_u8",
    (1, 16): "pcm_s16le",
    (1, 24): "pcm_s24le",
    (1, 32): "pcm_s32le",
    (3, 32): "pcm_f32le",
    (6, 8): "pcm_alaw",
    (7, 8): "pcm_mulaw",
}


class WavReader:
    """Reads samples of consecutive WAV files."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip_bytes = 0
        self._has_begun = False
        self._format: tuple[Track, int] | None = None
        self._samples: PcmReader | None = None
        self._data_bytes: int | None = 0
        """Bytes left of the data; None is until the end."""

    def feed(self, data: bytes) -> list[Part]:
        """See `Reader.feed`."""
        self._buffer += data
        parts: list[Part] = []
        while self._buffer and (self._pass_over() or self._read_data(parts) or self._read_chunk()):
            pass
        return parts

    def flush(self) -> list[Part]:
        """See `Reader.flush`; a file may end anywhere."""
        return []

    def _pass_over(self) -> bool:
        skipped = min(self._skip_bytes, len(self._buffer))
        del self._buffer[:skipped]
        self._skip_bytes -= skipped
        return skipped > 0

    def _read_data(self, parts: list[Part]) -> bool:
        if self._samples is None:
            return False
        taken = bytes(self._buffer[: self._data_bytes])
        del self._buffer[: len(taken)]
        parts += self._samples.feed(taken)
        if self._data_bytes is not None:
            self._data_bytes -= len(taken)
            if self._data_bytes == 0:
                self._samples = None
        return True

    def _read_chunk(self) -> bool:
        if len(self._buffer) < _HEADER.size:
            return False
        name, size = _HEADER.unpack_from(self._buffer)
        if name == b"RIFF":
            return self._begin()
        if not self._has_begun:
            raise BrokenAudio("the audio does not begin with a WAV header")
        if name == b"fmt ":
            return self._read_format(size)
        del self._buffer[: _HEADER.size]
        if name == b"data":
            self._open_data(size)
        else:
            self._skip_bytes = size + size % 2
        return True

    def _begin(self) -> bool:
        if len(self._buffer) < 12:
            return False
        if self._buffer[8:12] != b"WAVE":
            raise BrokenAudio("the audio is RIFF, but not WAVE")
        del self._buffer[:12]
        self._has_begun = True
        self._format = None
        return True

    def _read_format(self, size: int) -> bool:
        if not _FORMAT.size <= size <= MAX_FORMAT_BYTES:
            raise BrokenAudio("the WAV header is damaged")
        end = _HEADER.size + size + size % 2
        if len(self._buffer) < end:
            return False
        self._format = _format_of(bytes(self._buffer[_HEADER.size : end]))
        del self._buffer[:end]
        return True

    def _open_data(self, size: int) -> None:
        if self._format is None:
            raise BrokenAudio("the WAV header does not state its format")
        self._samples = PcmReader(*self._format)
        self._data_bytes = None if size == 0 or size >= UNKNOWN_SIZE else size


def _format_of(chunk: bytes) -> tuple[Track, int]:
    tag, channels, rate_hz, _, _, bits = _FORMAT.unpack_from(chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = int.from_bytes(chunk[24:26], "little")
    codec = _CODECS.get((tag, bits))
    if codec is None or not channels or not rate_hz:
        raise UnsupportedAudio(f"WAV of format {tag} with {bits} bits is not decoded")
    return pcm_track(codec, rate_hz, channels), bits // 8
