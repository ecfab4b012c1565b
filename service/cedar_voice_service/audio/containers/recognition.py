"""Naming an encoding from the first bytes of a recording."""

from enum import Enum

from cedar_voice_service.audio.formats import Encoding


class Verdict(Enum):
    """What first bytes can be, when they are not an encoding's."""

    UNDECIDED = "undecided"
    UNKNOWN = "unknown"


_SIGNATURES: tuple[tuple[Encoding, tuple[tuple[int, bytes], ...]], ...] = (
    (Encoding.WEBM_OPUS, ((0, b"\x1a\x45\xdf\xa3"),)),
    (Encoding.OGG_OPUS, ((0, b"OggS"),)),
    (Encoding.WAV, ((0, b"RIFF"), (8, b"WAVE"))),
    (Encoding.FLAC, ((0, b"fLaC"),)),
    (Encoding.MP4, ((0, b"\0\0"), (4, b"ftyp"))),
    (Encoding.MP3, ((0, b"ID3"),)),
)
_FIRST_BYTES = frozenset(parts[0][1][0] for _, parts in _SIGNATURES)


def recognize(head: bytes) -> Encoding | Verdict:
    """Name the encoding of a recording that begins with `head`.

    `UNDECIDED` asks for more bytes; twelve always decide. Raw PCM has nothing to be known by.
    """
    if head and head[0] not in _FIRST_BYTES:  # every piece of a recording is asked about
        return _recognize_frame(head)
    verdicts = [_match(head, parts) for _, parts in _SIGNATURES]
    for (encoding, _), fits in zip(_SIGNATURES, verdicts, strict=True):
        if fits:
            return encoding
    if None in verdicts:
        return Verdict.UNDECIDED
    return _recognize_frame(head)


def _match(head: bytes, parts: tuple[tuple[int, bytes], ...]) -> bool | None:
    """Whether `head` has all parts of a signature; None while it may still get them."""
    is_whole = True
    for at, magic in parts:
        found = head[at : at + len(magic)]
        if not magic.startswith(found):
            return False
        is_whole = is_whole and len(found) == len(magic)
    return True if is_whole else None


def _recognize_frame(head: bytes) -> Encoding | Verdict:
    """An MP3 stream may begin with any frame: eleven bits set, layer III, no reserved values."""
    if len(head) < 3:
        return Verdict.UNDECIDED if b"\xff".startswith(head[:1]) else Verdict.UNKNOWN
    is_sync = head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    is_layer_3 = head[1] & 0x06 == 0x02 and head[1] & 0x18 != 0x08
    is_valid = 0x10 <= head[2] < 0xF0 and head[2] & 0x0C != 0x0C
    return Encoding.MP3 if is_sync and is_layer_3 and is_valid else Verdict.UNKNOWN
