"""MP4, fragmented as browsers record it, or with one index, before or after the sound."""

import re
from collections import deque
from collections.abc import Iterator

from cedar_voice_service.audio.containers.mp4_boxes import MAX_SAMPLES, Range
from cedar_voice_service.audio.containers.mp4_fragments import fragment_ranges
from cedar_voice_service.audio.containers.mp4_index import SoundTrack, sound_of
from cedar_voice_service.audio.containers.parts import Part
from cedar_voice_service.errors import BrokenAudio

MAX_INDEX_BYTES = 1 << 20
MAX_KEPT_BYTES = 8 << 20
"""Sound that may come before the index, which has the positions of its samples."""

MAX_SAMPLE_BYTES = 64 << 10
MAX_LOST_BYTES = 64 << 10
"""Garbage after which a recording is abandoned."""

_BOXES = frozenset(
    b"ftyp styp sidx ssix moov moof mdat mfra free skip wide emsg prft uuid udta meta pdin".split()
)

_LANDMARK = re.compile(b"moof|ftyp")
"""Type of a box at which reading resumes after garbage: the box begins four bytes before."""


class Mp4Reader:
    """Reads samples of the first sound track. A new `ftyp` box begins a new recording."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lost_bytes = 0
        self._at = 0
        """Position of the buffer in the file."""
        self._left: int | None = 0
        """Bytes left of the box being passed through; None is until the end."""
        self._sound: SoundTrack | None = None
        self._ranges: deque[Range] = deque()
        self._kept = bytearray()
        """The file up to the buffer, while its index has not arrived."""

    def feed(self, data: bytes) -> list[Part]:
        """See `Reader.feed`."""
        self._buffer += data
        return list(self._parts())

    def flush(self) -> list[Part]:
        """See `Reader.flush`."""
        if self._sound is None and (self._buffer or self._kept):
            raise BrokenAudio("the MP4 recording ends before its index")
        return []

    def _parts(self) -> Iterator[Part]:
        while self._buffer:
            before = (self._at, len(self._buffer))
            if self._left != 0:
                yield from self._pass_through()
            else:
                yield from self._read_box()
            if before == (self._at, len(self._buffer)):
                return

    def _drop(self, count: int) -> None:
        if self._sound is None:
            self._kept += self._buffer[:count]
            if len(self._kept) > MAX_KEPT_BYTES:
                raise BrokenAudio("the index of the MP4 recording comes too late")
        del self._buffer[:count]
        self._at += count
        if self._left:
            self._left -= count

    # -- boxes ---------------------------------------------------------------------------------

    def _read_box(self) -> Iterator[Part]:
        if len(self._buffer) < 16 and len(self._buffer) < self._header_bytes():
            return
        kind = bytes(self._buffer[4:8])
        header = self._header_bytes()
        size = int.from_bytes(self._buffer[8:16] if header == 16 else self._buffer[:4], "big")
        if kind not in _BOXES or 0 < size < header:
            self._lose()
        elif kind in (b"moov", b"moof"):
            if not header <= size <= MAX_INDEX_BYTES:
                raise BrokenAudio("the MP4 index is too long")
            if len(self._buffer) >= size:
                yield from self._read_index(kind, bytes(self._buffer[header:size]), size)
        else:
            if kind == b"ftyp" and self._sound is not None:
                self._restart()
            self._drop(header)
            self._left = size - header if size else None

    def _header_bytes(self) -> int:
        return 16 if self._buffer[:4] == b"\0\0\0\1" else 8

    def _read_index(self, kind: bytes, content: bytes, size: int) -> Iterator[Part]:
        at = self._at
        self._drop(size)
        if kind == b"moof":
            if self._sound is None:
                raise BrokenAudio("the MP4 recording begins with a fragment")
            self._ranges += fragment_ranges(
                content,
                at,
                track_id=self._sound.track_id,
                default_sample_bytes=self._sound.default_sample_bytes,
            )
            if len(self._ranges) > MAX_SAMPLES:
                raise BrokenAudio("the MP4 recording lists samples that do not come")
        elif self._sound is None:
            self._sound = sound_of(content)
            self._ranges += self._sound.ranges
            yield self._sound.track
            yield from self._kept_samples()

    def _restart(self) -> None:
        self._at = 0
        self._sound = None
        self._ranges.clear()

    def _lose(self) -> None:
        if self._sound is None:
            raise BrokenAudio("the audio is not an MP4 recording")
        found = _LANDMARK.search(self._buffer, 5)
        dropped = found.start() - 4 if found else max(1, len(self._buffer) - 7)
        self._drop(dropped)
        self._lost_bytes += dropped
        if self._lost_bytes > MAX_LOST_BYTES:
            raise BrokenAudio("the recording is damaged beyond repair")

    # -- samples -------------------------------------------------------------------------------

    def _kept_samples(self) -> Iterator[bytes]:
        """Yield the samples that came before the index."""
        kept, self._kept = bytes(self._kept), bytearray()
        while self._ranges and sum(self._ranges[0]) <= len(kept):
            offset, size = self._next_range()
            yield kept[offset : offset + size]

    def _pass_through(self) -> Iterator[bytes]:
        """Yield the samples in this box, and drop the bytes between them."""
        while self._ranges:
            offset, size = self._ranges[0]
            gap = offset - self._at
            if self._left is not None and gap + size > self._left:
                break
            if gap + size > len(self._buffer):
                self._drop(max(0, min(gap, len(self._buffer))))
                return
            self._next_range()
            if gap >= 0 and size:
                self._drop(gap)
                sample = bytes(self._buffer[:size])
                self._drop(size)
                self._lost_bytes = 0
                yield sample
        self._drop(len(self._buffer) if self._left is None else min(self._left, len(self._buffer)))

    def _next_range(self) -> Range:
        offset, size = self._ranges.popleft()
        if size > MAX_SAMPLE_BYTES:
            raise BrokenAudio("the MP4 index lists a sample that is too long")
        return offset, size
