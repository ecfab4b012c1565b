"""The header of a recording: enough of its beginning to go on anywhere in it."""

import pytest

from cedar_voice_service.audio.formats import Encoding
from cedar_voice_shared.containers import MAX_HEADER_BYTES, RecordingHeader, header_of
from tests.support.media import Form, cut, decoded_live, recorded, written

ENCODINGS = {
    "webm": Encoding.AUTO,
    "mp4": Encoding.AUTO,
    "ogg": Encoding.AUTO,
    "flac": Encoding.AUTO,
    "mp3": Encoding.MP3,  # has no header: it is to be declared
}


def setup_of(*pieces: bytes) -> bytes:
    header = RecordingHeader()
    for piece in pieces:
        header.add(piece)
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
    heard = decoded_live([setup_of(*pieces[:at]), *pieces[at:]], ENCODINGS[kind])
    lost = len(decoded_live(pieces)) - len(heard)
    assert heard and lost <= 1.2 * len(decoded_live(pieces[:at]))


def test_the_newest_recording_counts() -> None:
    webm, mp4 = recorded("webm").blobs, recorded("mp4").blobs
    assert setup_of(*webm, *mp4) == setup_of(*mp4) != setup_of(*webm)
    assert setup_of(*mp4, *webm) == setup_of(*webm)


def test_a_beginning_without_end_is_not_kept() -> None:
    endless = [recorded("webm").blobs[0][:20], *[bytes(1_000)] * 100]
    header = RecordingHeader()
    for piece in endless:
        header.add(piece)
        assert len(header._head) <= MAX_HEADER_BYTES + 1_000
    assert header.setup == b"" == header._head


@pytest.mark.parametrize("size", [1, 5, 11, 40])
@pytest.mark.parametrize("kind", ["webm", "mp4", "ogg", "flac"])
def test_a_header_in_small_pieces_is_the_same(kind: str, size: int) -> None:
    data = b"".join(pieces_of(kind))
    assert setup_of(*cut(data, [size])) == setup_of(data) != b""


def test_pages_of_ogg_that_come_one_by_one_begin_one_recording() -> None:
    data = b"".join(pieces_of("ogg"))
    starts = [at for at in range(len(data)) if data.startswith(b"OggS", at)]
    pages = [data[at:end] for at, end in zip(starts, [*starts[1:], len(data)], strict=True)]
    assert setup_of(*pages) == b"".join(pages[:2])
    assert setup_of(*pages, *pages) == b"".join(pages[:2])


def test_headers() -> None:
    wav = b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(20) + b"data\xff\xff\xff\xff"
    assert header_of(wav[:20]) is None
    assert header_of(wav + bytes(100)) == wav
    assert header_of(b"OggS head  OggS tags  OggS sound") == b"OggS head  OggS tags  "
    assert header_of(b"fLaC" + bytes(60)) == b"fLaC" + bytes(38)
    assert header_of(b"\x1aE\xdf\xa3 no cluster yet") is None
    assert header_of(b"ID3" + bytes(20)) == b""
    assert header_of(bytes(8)) == b""
    assert header_of(b"") is None
