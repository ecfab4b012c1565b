"""Ogg pages, and Opus in them."""

from collections.abc import Iterator
from dataclasses import dataclass

from cedar_voice_service.audio.containers.parts import Part, Track
from cedar_voice_service.errors import BrokenAudio, UnsupportedAudio

MAX_PACKET_BYTES = 64 << 10
MAX_LOST_BYTES = 128 << 10
"""Garbage after which a recording is abandoned: the longest page twice."""

_MAGIC = b"OggS"
_HEADER_BYTES = 27
_CONTINUED = 1
_FIRST = 2


@dataclass(frozen=True, slots=True)
class Page:
    """A page: the pieces of packets in it, each with whether the packet ends there."""

    flags: int
    serial: int
    pieces: tuple[tuple[bytes, bool], ...]


class OggReader:
    """Reads packets of the first Opus stream. A new first page begins a new recording.

    Checksums are not verified: damaged packets fail in the decoder.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._lost_bytes = 0
        self._serial: int | None = None
        self._partial: bytearray | None = None
        self._headers_left = 0

    def feed(self, data: bytes) -> list[Part]:
        """See `Reader.feed`."""
        self._buffer += data
        parts: list[Part] = []
        while self._synchronize() and (page := self._next_page()) is not None:
            parts += self._read_page(page)
        return parts

    def flush(self) -> list[Part]:
        """See `Reader.flush`; an incomplete packet is dropped."""
        return []

    def _synchronize(self) -> bool:
        at = self._buffer.find(_MAGIC)
        dropped = at if at >= 0 else max(0, len(self._buffer) - len(_MAGIC) + 1)
        del self._buffer[:dropped]
        self._lost_bytes += dropped
        if self._lost_bytes > MAX_LOST_BYTES or (dropped and self._serial is None):
            raise BrokenAudio("the audio is not an Ogg stream")
        return at >= 0

    def _next_page(self) -> Page | None:
        if len(self._buffer) < _HEADER_BYTES:
            return None
        body_at = _HEADER_BYTES + self._buffer[26]
        laces = self._buffer[_HEADER_BYTES:body_at]
        end = body_at + sum(laces)
        if len(self._buffer) < end:
            return None
        header = bytes(self._buffer[:_HEADER_BYTES])
        body = bytes(self._buffer[body_at:end])
        del self._buffer[:end]
        serial = int.from_bytes(header[14:18], "little")
        return Page(header[5], serial, tuple(_pieces(bytes(laces), body)))

    def _read_page(self, page: Page) -> Iterator[Part]:
        if page.flags & _FIRST:
            self._begin_stream(page)
        elif self._serial is None:
            raise UnsupportedAudio("Ogg is decoded with Opus only")
        if page.serial != self._serial:
            return
        if not page.flags & _CONTINUED:
            self._partial = bytearray()
        for piece, is_end in page.pieces:
            if self._partial is not None:
                self._partial += piece
                if len(self._partial) > MAX_PACKET_BYTES:
                    raise BrokenAudio("a packet of the Ogg stream is too long")
            if is_end:
                if self._partial is not None:
                    yield from self._packet(bytes(self._partial))
                self._partial = bytearray()

    def _begin_stream(self, page: Page) -> None:
        head = page.pieces[0][0] if page.pieces else b""
        if head.startswith(b"OpusHead"):
            self._serial = page.serial
            self._headers_left = 2

    def _packet(self, packet: bytes) -> Iterator[Part]:
        self._lost_bytes = 0
        if self._headers_left == 2:
            yield Track("opus", packet)
        elif self._headers_left == 0 and packet:
            yield packet
        self._headers_left = max(0, self._headers_left - 1)


def _pieces(laces: bytes, body: bytes) -> Iterator[tuple[bytes, bool]]:
    start = end = 0
    for lace in laces:
        end += lace
        if lace < 255:
            yield body[start:end], True
            start = end
    if start < end:
        yield body[start:end], False
