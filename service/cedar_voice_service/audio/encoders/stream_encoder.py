"""A response as one growing file, for clients that play it while it arrives."""

from cedar_voice_service.audio.encoders.files import open_stream
from cedar_voice_service.audio.encoders.mp3_frames import FrameQueue, Mp3Frames, frame_samples
from cedar_voice_service.audio.formats import (
    SAMPLE_BYTES,
    AudioFormat,
    EncodedChunk,
    Encoding,
    byte_count_of,
    duration_ms_of,
)

CHUNK_MS = 120
"""Least sound per chunk of a stream: whole frames of MP3 and of Opus."""

MAX_CHUNK_MS = 5 * CHUNK_MS
"""Most sound per chunk of a stream: sound that arrives together is sent together, up to this."""


class StreamEncoder:
    """One growing file, cut as its bytes come. See `PartEncoder`, and `open_encoder`."""

    def __init__(self, audio_format: AudioFormat, max_chunk_ms: int) -> None:
        self._format = audio_format
        self._file = open_stream(audio_format)
        self._chunk_bytes = _whole_frames(CHUNK_MS, audio_format)
        self._max_chunk_bytes = _whole_frames(
            max(CHUNK_MS, min(max_chunk_ms, MAX_CHUNK_MS)), audio_format
        )
        self._samples = bytearray()
        self._frames = FrameQueue()
        self._finished_samples = 0
        """Samples that were sent before the present file."""
        self._offset_ms = 0

    def encode(self, parts: list[bytes | Mp3Frames]) -> list[EncodedChunk]:
        """See `PartEncoder.encode`."""
        chunks: list[EncodedChunk] = []
        for part in parts:
            if isinstance(part, Mp3Frames):
                chunks += self._end_file()
                self._frames.put(part)
                chunks += self._pass_chunks()
            else:
                chunks += self._pass(self._frames.count)
                self._samples += part
                chunks += self._write_chunks()
        return chunks

    def end_phrase(self, parts: list[bytes | Mp3Frames]) -> list[EncodedChunk]:
        """See `PartEncoder.end_phrase`."""
        chunks = self.encode(parts)
        return [*chunks, *self._pass(self._frames.count), *self._write(len(self._samples))]

    def flush(self) -> list[EncodedChunk]:
        """See `PartEncoder.flush`."""
        return self._chunk(self._file.close())

    def _write_chunks(self) -> list[EncodedChunk]:
        chunks: list[EncodedChunk] = []
        while whole := len(self._samples) // self._chunk_bytes:
            chunks += self._write(min(whole * self._chunk_bytes, self._max_chunk_bytes))
        return chunks

    def _pass_chunks(self) -> list[EncodedChunk]:
        chunks: list[EncodedChunk] = []
        frame_bytes = self._frames.frame_samples * SAMPLE_BYTES
        while self._frames.count >= self._chunk_bytes // frame_bytes:
            chunks += self._pass(min(self._frames.count, self._max_chunk_bytes // frame_bytes))
        return chunks

    def _write(self, byte_count: int) -> list[EncodedChunk]:
        samples = bytes(self._samples[:byte_count])
        del self._samples[:byte_count]
        return self._chunk(self._file.write(samples))

    def _pass(self, frame_count: int) -> list[EncodedChunk]:
        self._finished_samples += frame_count * self._frames.frame_samples
        return self._chunk(self._frames.take(frame_count))

    def _end_file(self) -> list[EncodedChunk]:
        """Complete the file that was encoded here, before frames that were encoded elsewhere."""
        chunks = self._write(len(self._samples)) + self._chunk(self._file.close())
        self._finished_samples += self._file.sounding_samples
        self._file = open_stream(self._format)
        return chunks

    def _chunk(self, data: bytes) -> list[EncodedChunk]:
        if not data:
            return []
        start_ms = self._offset_ms
        samples = self._finished_samples + self._file.sounding_samples
        self._offset_ms = duration_ms_of(samples, self._format.sample_rate_hz)
        continues = self._format.encoding is not Encoding.WAV
        return [EncodedChunk(data, start_ms, self._offset_ms - start_ms, continues)]


def _whole_frames(duration_ms: int, audio_format: AudioFormat) -> int:
    """Return the size of the samples of a duration; for MP3, of the whole frames in it."""
    rate_hz = audio_format.sample_rate_hz
    size = byte_count_of(duration_ms, rate_hz)
    if audio_format.encoding is not Encoding.MP3:
        return size
    frame_bytes = frame_samples(rate_hz) * SAMPLE_BYTES
    return size // frame_bytes * frame_bytes
