"""Beginnings of recordings: recognized by their first bytes, and the header in them kept. Pure."""

from dataclasses import dataclass
from enum import Enum

MAX_HEADER_BYTES = 64 << 10
"""Longest beginning that is searched for the end of its header."""


class Container(Enum):
    """Containers of sound, and MP3, whose frames need none."""

    WEBM = "webm"
    OGG = "ogg"
    WAV = "wav"
    FLAC = "flac"
    MP4 = "mp4"
    MP3 = "mp3"


@dataclass(frozen=True, slots=True)
class ContainerHead:
    """First bytes, recognized.

    `container` is None for bytes of no known container, and for too few bytes. `begins` is False
    for bytes that begin no recording, such as a later page of Ogg, and None for too few bytes.
    """

    container: Container | None
    begins: bool | None

    @property
    def may_begin(self) -> bool:
        """Whether a recording begins here, or could with more bytes."""
        return self.begins is not False

    @property
    def begins_header(self) -> bool:
        """Whether a header begins here. MP3 has none, and any bytes may look like a frame of it."""
        return bool(self.begins) and self.container is not Container.MP3


_UNDECIDED = ContainerHead(None, None)
_UNKNOWN = ContainerHead(None, False)
_SIGNATURES: tuple[tuple[Container, tuple[tuple[int, bytes], ...]], ...] = (
    (Container.WEBM, ((0, b"\x1a\x45\xdf\xa3"),)),
    (Container.OGG, ((0, b"OggS"),)),
    (Container.WAV, ((0, b"RIFF"), (8, b"WAVE"))),
    (Container.FLAC, ((0, b"fLaC"),)),
    (Container.MP4, ((0, b"\0\0"), (4, b"ftyp"))),
    (Container.MP3, ((0, b"ID3"),)),
)
_FIRST_BYTES = frozenset(parts[0][1][0] for _, parts in _SIGNATURES)
_OGG_FLAGS_AT = 5
_OGG_FIRST_PAGE = 0x02

_CLUSTER = b"\x1fC\xb6u"
_OPEN_CLUSTER = _CLUSTER + b"\xff"
"""The beginning of a cluster of unknown size: blocks may follow at once."""

_FLAC_HEADER_BYTES = 42
_OGG_HEADER_PAGES = 2


def recognize(head: bytes) -> ContainerHead:
    """Recognize the container of bytes, and whether a recording begins with them.

    Twelve bytes always decide. Raw PCM has no signature: it is unknown.
    """
    if head and head[0] not in _FIRST_BYTES:  # the usual case: a later piece of a recording
        return _recognize_frame(head)
    matches = [_match(head, parts) for _, parts in _SIGNATURES]
    for (container, _), fits in zip(_SIGNATURES, matches, strict=True):
        if fits:
            return ContainerHead(container, _is_first(container, head))
    return _UNDECIDED if None in matches else _recognize_frame(head)


def header_of(head: bytes) -> bytes | None:
    """Return the bytes that precede the sound of a recording; None while more are needed.

    Empty for sound that can be decoded from anywhere.
    """
    found = recognize(head)
    if found == _UNDECIDED:
        return None
    match found.container:
        case Container.WEBM:
            at = head.find(_CLUSTER)
            return None if at < 0 else head[:at] + _OPEN_CLUSTER
        case Container.MP4:
            at = head.find(b"moof")
            return None if at < 0 else head[: at - 4]
        case Container.WAV:
            at = head.find(b"data")
            return None if not 0 <= at <= len(head) - 8 else head[: at + 8]
        case Container.FLAC:
            return head[:_FLAC_HEADER_BYTES] if len(head) >= _FLAC_HEADER_BYTES else None
        case Container.OGG:
            return _before_page(head, _OGG_HEADER_PAGES)
        case _:
            return b""


class RecordingHeader:
    """Keeps the header of the newest recording, so that a decoder can start later in it."""

    def __init__(self) -> None:
        self._head = b""
        self._header: bytes | None = None

    @property
    def setup(self) -> bytes:
        """Header bytes before the sound; empty until they are complete, or if there are none."""
        return self._header or b""

    def add(self, data: bytes) -> None:
        """Add the next bytes of the recording, or the first ones of the next recording."""
        if recognize(data).begins_header:
            self._head, self._header = b"", None
        if self._header is None:
            self._head += data
            self._header = header_of(self._head)
            if self._header is not None or len(self._head) > MAX_HEADER_BYTES:
                self._head, self._header = b"", self._header or b""


def _match(head: bytes, parts: tuple[tuple[int, bytes], ...]) -> bool | None:
    """Return whether bytes have all parts of a signature; None if more bytes may complete them."""
    is_whole = True
    for at, magic in parts:
        found = head[at : at + len(magic)]
        if not magic.startswith(found):
            return False
        is_whole = is_whole and len(found) == len(magic)
    return True if is_whole else None


def _is_first(container: Container, head: bytes) -> bool | None:
    """Return whether a recording begins with the signature; in Ogg, later pages have one too."""
    if container is not Container.OGG:
        return True
    return bool(head[_OGG_FLAGS_AT] & _OGG_FIRST_PAGE) if len(head) > _OGG_FLAGS_AT else None


def _recognize_frame(head: bytes) -> ContainerHead:
    """Recognize a frame of MP3: eleven bits set, layer III, no reserved values."""
    if len(head) < 3:
        return _UNDECIDED if b"\xff".startswith(head[:1]) else _UNKNOWN
    is_sync = head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    is_layer_3 = head[1] & 0x06 == 0x02 and head[1] & 0x18 != 0x08
    is_valid = 0x10 <= head[2] < 0xF0 and head[2] & 0x0C != 0x0C
    return ContainerHead(Container.MP3, True) if is_sync and is_layer_3 and is_valid else _UNKNOWN


def _before_page(head: bytes, page: int) -> bytes | None:
    at = 0
    for _ in range(page):
        at = head.find(b"OggS", at + 4)
        if at < 0:
            return None
    return head[:at]
