"""What a decoder needs of the beginning of a recording before it can go on anywhere in it."""

from cedar_voice_service.audio.containers.recognition import recognize
from cedar_voice_service.audio.formats import Encoding

MAX_HEADER_BYTES = 64 << 10
"""A beginning that is longer is not kept."""

_CLUSTER = b"\x1fC\xb6u"
_OPEN_CLUSTER = _CLUSTER + b"\xff"
"""The beginning of a cluster of unknown size: blocks may follow at once."""

_FLAC_HEADER_BYTES = 42
_OGG_HEADER_PAGES = 2
_OGG_BEGINNING = slice(28, 36)
"""Where the first page of Opus in Ogg names its codec."""


class Header:
    """Notes the bytes of recordings, one after the other, and keeps the newest one's header."""

    def __init__(self) -> None:
        self._head = b""
        self._header: bytes | None = b""

    @property
    def setup(self) -> bytes:
        """What comes before the sound; empty for sound that can be decoded from anywhere."""
        return self._header or b""

    def note(self, data: bytes) -> None:
        """Take what comes next."""
        if _begins(data):
            self._head, self._header = b"", None
        if self._header is None:
            self._head += data
            self._header = _header_of(self._head)
            if self._header is not None or len(self._head) > MAX_HEADER_BYTES:
                self._head, self._header = b"", self._header or b""


def _begins(data: bytes) -> bool:
    found = recognize(data)
    if found is Encoding.OGG_OPUS:  # every page begins so
        return data[_OGG_BEGINNING] == b"OpusHead"
    return found in (Encoding.WEBM_OPUS, Encoding.MP4, Encoding.FLAC, Encoding.WAV)


def _header_of(head: bytes) -> bytes | None:
    """The header of a recording that begins so; None while more is needed to tell."""
    match recognize(head):
        case Encoding.WEBM_OPUS:
            at = head.find(_CLUSTER)
            return None if at < 0 else head[:at] + _OPEN_CLUSTER
        case Encoding.MP4:
            at = head.find(b"moof")
            return None if at < 0 else head[: at - 4]
        case Encoding.WAV:
            at = head.find(b"data")
            return None if not 0 <= at <= len(head) - 8 else head[: at + 8]
        case Encoding.FLAC:
            return head[:_FLAC_HEADER_BYTES] if len(head) >= _FLAC_HEADER_BYTES else None
        case _:
            return _before_page(head, _OGG_HEADER_PAGES)


def _before_page(head: bytes, page: int) -> bytes | None:
    at = 0
    for _ in range(page):
        at = head.find(b"OggS", at + 4)
        if at < 0:
            return None
    return head[:at]
