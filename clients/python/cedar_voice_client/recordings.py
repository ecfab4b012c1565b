"""What a decoder needs of the beginning of a recording before it can go on anywhere in it. Pure."""

MAX_HEADER_BYTES = 64 << 10
"""A beginning that is longer is not kept."""

_CLUSTER = b"\x1fC\xb6u"
_OPEN_CLUSTER = _CLUSTER + b"\xff"
"""The beginning of a cluster of unknown size: blocks may follow at once."""

_BEGINNINGS = (b"\x1aE\xdf\xa3", b"OggS", b"RIFF", b"fLaC")
_FLAC_HEADER_BYTES = 42
_OGG_HEADER_PAGES = 2


def begins_recording(data: bytes) -> bool:
    """Whether a file of a known container begins here."""
    return data.startswith(_BEGINNINGS) or data[4:8] == b"ftyp"


def header_of(head: bytes) -> bytes | None:
    """What precedes the sound in a recording that begins so; None while more is needed to tell.

    Empty for sound that can be decoded from anywhere.
    """
    if len(head) < 8:
        return None
    if head.startswith(b"\x1aE\xdf\xa3"):
        at = head.find(_CLUSTER)
        return None if at < 0 else head[:at] + _OPEN_CLUSTER
    if head.startswith(b"RIFF"):
        at = head.find(b"data")
        return None if not 0 <= at <= len(head) - 8 else head[: at + 8]
    if head.startswith(b"OggS"):
        return _before_page(head, _OGG_HEADER_PAGES)
    if head.startswith(b"fLaC"):
        return head[:_FLAC_HEADER_BYTES] if len(head) >= _FLAC_HEADER_BYTES else None
    if head[4:8] == b"ftyp":
        at = head.find(b"moof")
        return None if at < 0 else head[: at - 4]
    return b""


def _before_page(head: bytes, page: int) -> bytes | None:
    at = 0
    for _ in range(page):
        at = head.find(b"OggS", at + 4)
        if at < 0:
            return None
    return head[:at]
