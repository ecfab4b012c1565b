"""A response as a file per phrase, for clients that play files."""

from array import array
from collections.abc import Callable, Sequence

from cedar_voice_service.audio.encoders.files import open_file
from cedar_voice_service.audio.encoders.mp3_frames import FrameQueue, Mp3Frames
from cedar_voice_service.audio.formats import (
    SAMPLE_BYTES,
    AudioFormat,
    EncodedChunk,
    byte_count_of,
    duration_ms_of,
)

MIN_PIECE_MS = 4_000
MAX_PIECE_MS = 6_000
"""A phrase longer than this is cut into pieces, at the quietest place after `MIN_PIECE_MS`."""

_QUIET_MS = 20


class PhraseEncoder:
    """A file per phrase, or per piece of a long one. See `PartEncoder`.

    Encodes while it is fed, so that no call is long; only sound that may yet be cut waits. MP3
    frames are passed on, unless a long phrase has no frame to cut before: that one is decoded and
    encoded.

    Args:
        audio_format: the format of the files.
        decode: decodes MP3 frames to samples; may raise a `CallerError`.
    """

    def __init__(
        self, audio_format: AudioFormat, decode: Callable[[Sequence[bytes]], bytes]
    ) -> None:
        self._format = audio_format
        self._decode = decode
        self._samples = bytearray()
        self._frames = FrameQueue()
        self._min_bytes = byte_count_of(MIN_PIECE_MS, audio_format.sample_rate_hz)
        self._max_bytes = byte_count_of(MAX_PIECE_MS, audio_format.sample_rate_hz)
        self._file = open_file(audio_format)
        self._encoded: list[bytes] = []
        self._encoded_bytes = 0
        """Size of the samples in the file."""
        self._finished_samples = 0
        """Samples in the files before it."""

    def encode(self, parts: list[bytes | Mp3Frames]) -> list[EncodedChunk]:
        """See `PartEncoder.encode`."""
        chunks: list[EncodedChunk] = []
        for part in parts:
            if isinstance(part, Mp3Frames):
                self._frames.put(part)
                chunks += self._pass_pieces()
            else:
                self._samples += part
                chunks += self._write_pieces()
        return chunks

    def end_phrase(self, parts: list[bytes | Mp3Frames]) -> list[EncodedChunk]:
        """See `PartEncoder.end_phrase`."""
        chunks = self.encode(parts)
        self._write(len(self._samples))
        return [*chunks, *self._end_piece(), *self._pass(self._frames.count)]

    def flush(self) -> list[EncodedChunk]:
        """See `PartEncoder.flush`: each phrase was complete."""
        return []

    def _write_pieces(self) -> list[EncodedChunk]:
        chunks: list[EncodedChunk] = []
        while self._encoded_bytes + len(self._samples) > self._max_bytes:
            self._write(self._min_bytes - self._encoded_bytes)
            candidates = bytes(self._samples[: self._max_bytes - self._min_bytes])
            self._write(_quietest(candidates, self._format.sample_rate_hz))
            chunks += self._end_piece()
        self._write(self._min_bytes - self._encoded_bytes)
        return chunks

    def _pass_pieces(self) -> list[EncodedChunk]:
        chunks: list[EncodedChunk] = []
        min_samples, max_samples = self._min_bytes // SAMPLE_BYTES, self._max_bytes // SAMPLE_BYTES
        while self._frames.sample_count > max_samples:
            cut = self._frames.last_cut(min_samples, max_samples)
            if cut is None:
                self._samples += self._decode(self._frames.take_all())
                return chunks + self._write_pieces()
            chunks += self._pass(cut)
        return chunks

    def _write(self, max_bytes: int) -> None:
        samples = bytes(self._samples[:max_bytes])
        del self._samples[:max_bytes]
        self._encoded_bytes += len(samples)
        self._encoded.append(self._file.write(samples))

    def _pass(self, frame_count: int) -> list[EncodedChunk]:
        data = self._frames.take(frame_count)
        return self._chunk(data, frame_count * self._frames.frame_samples)

    def _end_piece(self) -> list[EncodedChunk]:
        if not self._encoded_bytes:
            return []
        data = b"".join((*self._encoded, self._file.close()))
        chunks = self._chunk(data, self._file.sounding_samples)
        self._file = open_file(self._format)
        self._encoded.clear()
        self._encoded_bytes = 0
        return chunks

    def _chunk(self, data: bytes, sample_count: int) -> list[EncodedChunk]:
        start_ms = duration_ms_of(self._finished_samples, self._format.sample_rate_hz)
        self._finished_samples += sample_count
        end_ms = duration_ms_of(self._finished_samples, self._format.sample_rate_hz)
        return [EncodedChunk(data, start_ms, end_ms - start_ms)] if data else []


def _quietest(samples: bytes, sample_rate_hz: int) -> int:
    """Return the byte offset of the middle of the quietest 20 ms."""
    values = array("h", samples)
    window = sample_rate_hz * _QUIET_MS // 1000
    starts = range(0, len(values) - window + 1, window)
    quietest = min(starts, key=lambda at: sum(map(abs, values[at : at + window])), default=0)
    return (quietest + window // 2) * SAMPLE_BYTES
