"""The header of a recording: enough of its beginning to go on anywhere in it."""

import pytest

from cedar_voice_service.audio.containers.header import MAX_HEADER_BYTES, Header
from cedar_voice_service.audio.formats import Encoding
from tests.support.media import Form, cut, decoded_live, recorded, written

ENCODINGS = {
    "webm": Encoding.AUTO,
    "mp4": Encoding.AUTO,
    "ogg": Encoding.AUTO,
    "flac": Encoding.AUTO,
    "mp3": Encoding.MP3,  # has no header: it is to be declared
}


def header_of(*pieces: bytes) -> bytes:
    header = Header()
    for piece in pieces:
        header.note(piece)
    return header.setup


def pieces_of(kind: str) -> list[bytes]:
    match kind:
        case "webm" | "mp4":
            return list(recorded(kind).blobs)
        case "ogg":
            return cut(written(Form("ogg", "libopus", options={"page_duration": "100000"})), [500])
        case "flac":
            return cut(written(Form("flac", "flac", 16_000)), [500])
        case _:
            return cut(written(Form("mp3", "mp3")), [500])


@pytest.mark.parametrize("kind", ENCODINGS)
def test_a_recording_is_decoded_from_its_header_and_any_later_piece(kind: str) -> None:
    pieces = pieces_of(kind)
    at = len(pieces) // 2
    heard = decoded_live([header_of(*pieces[:at]), *pieces[at:]], ENCODINGS[kind])
    lost = len(decoded_live(pieces)) - len(heard)
    assert heard and lost <= 1.2 * len(decoded_live(pieces[:at]))


def test_the_newest_recording_counts() -> None:
    webm, mp4 = recorded("webm").blobs, recorded("mp4").blobs
    assert header_of(*webm, *mp4) == header_of(*mp4) != header_of(*webm)
    assert header_of(*mp4, *webm) == header_of(*webm)


def test_a_beginning_without_end_is_not_kept() -> None:
    endless = [recorded("webm").blobs[0][:20], *[bytes(1_000)] * 100]
    header = Header()
    for piece in endless:
        header.note(piece)
        assert len(header._head) <= MAX_HEADER_BYTES + 1_000
    assert header.setup == b"" == header._head
