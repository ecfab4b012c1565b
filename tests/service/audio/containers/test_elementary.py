"""MP3 and what may stand before its first frame."""

import pytest

from cedar_voice_service.audio.containers.elementary import (
    MAX_FRAMELESS_BYTES,
    ElementaryReader,
    Id3Skipper,
    Mp3Reader,
)
from cedar_voice_service.audio.containers.parts import Track
from cedar_voice_service.audio.formats import Encoding
from cedar_voice_service.errors import CallerError
from tests.support.media import Form, cut, decoded_live, written

PLAIN = written(
    Form("mp3", "libmp3lame", 24_000, "mono", {"write_xing": "0", "id3v2_version": "0"})
)
DESCRIBED = written(
    Form("mp3", "libmp3lame", 24_000, "mono", {"write_xing": "1", "id3v2_version": "0"})
)


def tag(length: int, *, has_footer: bool = False) -> bytes:
    sizes = bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
    body = b"\xff\xfb\x90\x00" * (length // 4) + bytes(length % 4)  # looks like frames
    footer = b"3DI" + bytes(7) if has_footer else b""
    return b"ID3\x04\0" + bytes([0x10 * has_footer]) + sizes + body + footer


@pytest.mark.parametrize("before", [tag(0), tag(1_001), tag(50_000), tag(300, has_footer=True)])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_tag_is_passed_over(before: bytes, size: int) -> None:
    skipper = Id3Skipper()
    assert b"".join(skipper.feed(piece) for piece in cut(before + PLAIN, [size])) == PLAIN
    assert skipper.is_over


@pytest.mark.parametrize("data", [b"I am no tag at all", b"ID", b"\xff\xfb\x90\x00"])
def test_what_is_no_tag_is_left_alone(data: bytes) -> None:
    skipper = Id3Skipper()
    assert skipper.feed(data + b"\0" * 10) == data + b"\0" * 10


def test_the_first_frame_after_a_tag_is_heard() -> None:
    assert decoded_live([tag(1_001) + PLAIN]) == decoded_live([PLAIN])


def test_the_frame_that_describes_the_file_is_not_heard() -> None:
    frames = [part for part in Mp3Reader().feed(PLAIN) if isinstance(part, bytes)]
    described = [part for part in Mp3Reader().feed(DESCRIBED) if isinstance(part, bytes)]
    assert b"Info" in DESCRIBED
    assert described == frames


@pytest.mark.parametrize("encoding", [Encoding.MP3, Encoding.FLAC])
def test_a_file_without_frames_is_refused(encoding: Encoding) -> None:
    with pytest.raises(CallerError):
        decoded_live([bytes(1_000)], encoding)


def test_frames_are_not_waited_for_without_end() -> None:
    reader = ElementaryReader(Track("flac"))
    with pytest.raises(CallerError, match="no frame"):
        for _ in range(MAX_FRAMELESS_BYTES // 1_000 + 1):
            reader.feed(bytes(1_000))
