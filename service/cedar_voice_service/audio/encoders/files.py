"""Audio files that are written piece by piece: samples in, bytes out as soon as they are final."""

import struct
from collections.abc import Callable
from typing import Protocol

from cedar_voice_service.audio.encoders.coded_file import MP3, OGG_OPUS, WEBM_OPUS, CodedFile
from cedar_voice_service.audio.formats import SAMPLE_BYTES, AudioFormat, Encoding

CODINGS = {
    Encoding.MP3: MP3,
    Encoding.OGG_OPUS: OGG_OPUS,
    Encoding.WEBM_OPUS: WEBM_OPUS,
}
"""Coding of each output encoding that libav encodes."""


class AudioFile(Protocol):
    """One file. Samples are mono, 16-bit, of the file's rate."""

    @property
    def sounding_samples(self) -> int:
        """Number of samples in the bytes returned so far, give or take a packet."""
        ...

    def write(self, samples: bytes) -> bytes:
        """Add samples; return the bytes of the file that follow those returned before."""
        ...

    def close(self) -> bytes:
        """End the file; return its last bytes."""
        ...


class LateFile:
    """A file that is opened by its first samples, since MP3 that is passed on needs no encoder."""

    def __init__(self, opening: Callable[[], AudioFile]) -> None:
        self._opening = opening
        self._file: AudioFile | None = None

    @property
    def sounding_samples(self) -> int:
        """See `AudioFile.sounding_samples`."""
        return self._file.sounding_samples if self._file else 0

    def write(self, samples: bytes) -> bytes:
        """See `AudioFile.write`."""
        if not samples:
            return b""
        self._file = self._file or self._opening()
        return self._file.write(samples)

    def close(self) -> bytes:
        """See `AudioFile.close`."""
        return self._file.close() if self._file else b""


class RawFile:
    """Samples as they are."""

    def __init__(self) -> None:
        self.sounding_samples = 0

    def write(self, samples: bytes) -> bytes:
        """See `AudioFile.write`."""
        self.sounding_samples += len(samples) // SAMPLE_BYTES
        return samples

    def close(self) -> bytes:
        """See `AudioFile.close`."""
        return b""


class WavFile:
    """RIFF WAVE. The header contains the length, so all bytes come at the end."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._samples = bytearray()
        self.sounding_samples = 0

    def write(self, samples: bytes) -> bytes:
        """See `AudioFile.write`."""
        self._samples += samples
        return b""

    def close(self) -> bytes:
        """See `AudioFile.close`."""
        self.sounding_samples = len(self._samples) // SAMPLE_BYTES
        bytes_per_s = self._sample_rate_hz * SAMPLE_BYTES
        sample_format = (16, 1, 1, self._sample_rate_hz, bytes_per_s, SAMPLE_BYTES, 16)
        data_size = len(self._samples)
        header = struct.pack("<4sI4s", b"RIFF", 36 + data_size, b"WAVE")
        header += struct.pack("<4sIHHIIHH", b"fmt ", *sample_format)
        return header + struct.pack("<4sI", b"data", data_size) + bytes(self._samples)


class WavSeries:
    """A stream of WAV: one file per piece, since browsers play no other."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self.sounding_samples = 0

    def write(self, samples: bytes) -> bytes:
        """See `AudioFile.write`."""
        if not samples:
            return b""
        self.sounding_samples += len(samples) // SAMPLE_BYTES
        file = WavFile(self._sample_rate_hz)
        return file.write(samples) + file.close()

    def close(self) -> bytes:
        """See `AudioFile.close`."""
        return b""


def open_stream(audio_format: AudioFormat) -> AudioFile:
    """Open a file that is sent while it is written."""
    if audio_format.encoding is Encoding.WAV:
        return WavSeries(audio_format.sample_rate_hz)
    return _open(audio_format, is_stream=True)


def open_file(audio_format: AudioFormat) -> AudioFile:
    """Open a file that is sent once it is complete."""
    if audio_format.encoding is Encoding.WAV:
        return WavFile(audio_format.sample_rate_hz)
    return _open(audio_format, is_stream=False)


def _open(audio_format: AudioFormat, *, is_stream: bool) -> AudioFile:
    if audio_format.encoding is Encoding.PCM_S16LE:
        return RawFile()
    coding = CODINGS[audio_format.encoding]
    return LateFile(lambda: CodedFile(coding, audio_format.sample_rate_hz, is_stream=is_stream))
