"""Elements of EBML, the binary XML in which WebM is written."""

from dataclasses import dataclass

EBML = 0x1A45DFA3
SEGMENT = 0x18538067
CLUSTER = 0x1F43B675
TRACKS = 0x1654AE6B
TRACK_ENTRY = 0xAE
AUDIO = 0xE1
BLOCK_GROUP = 0xA0

TRACK_NUMBER = 0xD7
TRACK_TYPE = 0x83
CODEC_ID = 0x86
CODEC_PRIVATE = 0x63A2
CONTENT_ENCODINGS = 0x6D80
SAMPLING_FREQUENCY = 0xB5
CHANNELS = 0x9F
BIT_DEPTH = 0x6264
SIMPLE_BLOCK = 0xA3
BLOCK = 0xA1

MASTERS = frozenset({SEGMENT, CLUSTER, TRACKS, TRACK_ENTRY, AUDIO, BLOCK_GROUP})
"""Elements made of elements, which are read as if their children replaced them."""

BULKY = frozenset(
    {
        0x114D9B74,  # SeekHead
        0x1549A966,  # Info
        0x1C53BB6B,  # Cues
        0x1043A770,  # Chapters
        0x1941A469,  # Attachments
        0x1254C367,  # Tags
    }
)
"""Elements that are ignored, and may be long."""


@dataclass(frozen=True, slots=True)
class ElementHeader:
    """Id and size of an element; `size` of None is unknown. `length` is that of the header."""

    id: int
    size: int | None
    length: int


class InvalidHeader(Exception):
    """No element can begin with these bytes."""


def read_header(data: bytes | bytearray, at: int) -> ElementHeader | None:
    """Read the header at `at`; None when it is not complete yet.

    Raises:
        InvalidHeader: no header can begin so.
    """
    id_length = _vint_length(data, at, longest=4)
    if id_length is None or at + id_length >= len(data):
        return None
    size_at = at + id_length
    size_length = _vint_length(data, size_at, longest=8)
    if size_length is None or size_at + size_length > len(data):
        return None
    unknown = (1 << 7 * size_length) - 1
    size = int.from_bytes(data[size_at : size_at + size_length], "big") & unknown
    return ElementHeader(
        int.from_bytes(data[at:size_at], "big"),
        None if size == unknown else size,
        id_length + size_length,
    )


def read_vint(data: bytes, at: int) -> tuple[int, int]:
    """Read the number at `at`; return it with the position after it.

    Raises:
        InvalidHeader: the number is not complete.
    """
    length = _vint_length(data, at, longest=8)
    if length is None or at + length > len(data):
        raise InvalidHeader
    mask = (1 << 7 * length) - 1
    return int.from_bytes(data[at : at + length], "big") & mask, at + length


def _vint_length(data: bytes | bytearray, at: int, *, longest: int) -> int | None:
    if at >= len(data):
        return None
    length = 9 - data[at].bit_length()
    if length > longest:
        raise InvalidHeader
    return length
