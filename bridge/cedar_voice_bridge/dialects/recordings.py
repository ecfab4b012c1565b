"""Telling the beginning of a recording from a later piece of it."""

_SIGNATURES = (b"\x1a\x45\xdf\xa3", b"OggS", b"RIFF", b"fLaC", b"ID3")
_OGG_FLAGS_AT = 5
_OGG_BEGINS = 0x02
_MP4_BRAND_AT = 4
_MP3_SYNC = 0xFFE0


def begins_recording(audio: bytes) -> bool:
    """Whether the bytes begin a file of audio; of a very short piece, whether they may."""
    if audio.startswith(b"OggS") and len(audio) > _OGG_FLAGS_AT:
        return bool(audio[_OGG_FLAGS_AT] & _OGG_BEGINS)  # its later pages look alike
    if any(audio[: len(known)] == known[: len(audio)] for known in _SIGNATURES):
        return True
    if audio[_MP4_BRAND_AT : _MP4_BRAND_AT + 4] == b"ftyp":
        return True
    return len(audio) > 1 and int.from_bytes(audio[:2]) & _MP3_SYNC == _MP3_SYNC
