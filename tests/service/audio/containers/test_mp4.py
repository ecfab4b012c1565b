"""MP4 whose index is odd, late, missing or hostile."""

import struct

import pytest

from cedar_voice_service.audio.containers.mp4 import MAX_KEPT_BYTES, Mp4Reader
from cedar_voice_service.audio.containers.mp4_boxes import MAX_SAMPLES, children, descend
from cedar_voice_service.audio.containers.parts import Part, Track
from cedar_voice_service.errors import CallerError, Code
from tests.support.media import Form, cut, recorded, written


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


FTYP = box(b"ftyp", b"isom\0\0\0\0")
DOPS = box(b"dOps", b"\0\x02\x0f\0\0\0\xbb\x80\0\0\0")
OPUS_HEAD = b"OpusHead\x01\x02\x00\x0f\x80\xbb\x00\x00\x00\x00\x00"


def movie(
    *tables: bytes, codec: bytes = b"Opus", extension: bytes = DOPS, handler: bytes = b"soun"
) -> bytes:
    """An index of one track, number 1."""
    entry = box(codec, bytes(28), extension)
    stbl = box(b"stbl", box(b"stsd", struct.pack(">II", 0, 1), entry), *tables)
    trak = box(
        b"trak",
        box(b"tkhd", bytes(12), struct.pack(">I", 1)),
        box(b"mdia", box(b"hdlr", bytes(8), handler), box(b"minf", stbl)),
    )
    return box(b"moov", trak)


def index(sizes: list[int], chunks: dict[int, int], *, is_wide: bool = False) -> list[bytes]:
    """Tables for samples of these sizes: `chunks` says where each lies and how many it holds."""
    runs = [struct.pack(">III", at, count, 1) for at, count in enumerate(chunks.values(), start=1)]
    offsets = struct.pack(f">II{len(chunks)}{'Q' if is_wide else 'I'}", 0, len(chunks), *chunks)
    return [
        box(b"stsz", struct.pack(f">III{len(sizes)}I", 0, 0, len(sizes), *sizes)),
        box(b"stsc", struct.pack(">II", 0, len(runs)), *runs),
        box(b"co64" if is_wide else b"stco", offsets),
    ]


def fragment(sizes: list[int], *, track: int = 1, gap: int = 0) -> bytes:
    """A fragment with sample sizes and the offset of its data from its own beginning."""

    def of(offset: int) -> bytes:
        header = struct.pack(">IIi", 0x201, len(sizes), offset)
        run = box(b"trun", header, struct.pack(f">{len(sizes)}I", *sizes))
        return box(b"moof", box(b"traf", box(b"tfhd", struct.pack(">II", 0x20000, track)), run))

    return of(len(of(0)) + 8 + gap)


def read(data: bytes) -> list[Part]:
    reader, byte_by_byte = Mp4Reader(), Mp4Reader()
    whole = reader.feed(data) + reader.flush()
    assert [p for at in range(len(data)) for p in byte_by_byte.feed(data[at : at + 1])] == whole
    return whole


def refusal(data: bytes) -> CallerError:
    reader = Mp4Reader()
    with pytest.raises(CallerError) as caught:
        reader.feed(data)
        reader.flush()
    return caught.value


@pytest.mark.parametrize("is_wide", [False, True])
@pytest.mark.parametrize("is_first", [False, True])
def test_one_index(is_wide: bool, is_first: bool) -> None:
    media = box(b"mdat", b"..onetwo...three")
    start = len(FTYP) + 8
    if is_first:
        start += len(movie(*index([3, 3, 5], {1: 2, 2: 1}, is_wide=is_wide)))
    moov = movie(*index([3, 3, 5], {start + 2: 2, start + 11: 1}, is_wide=is_wide))
    data = FTYP + (moov + media if is_first else media + moov)
    assert read(data) == [Track("opus", OPUS_HEAD), b"one", b"two", b"three"]


def test_fragments() -> None:
    fragments = [
        fragment([3, 3]) + box(b"mdat", b"onetwo"),
        fragment([5], gap=2) + box(b"mdat", b"..three.."),
    ]
    data = FTYP + movie() + b"".join(fragments)
    assert read(data) == [Track("opus", OPUS_HEAD), b"one", b"two", b"three"]


def test_fragments_of_other_tracks_are_passed_over() -> None:
    video = fragment([5], track=2) + box(b"mdat", b"video")
    assert read(FTYP + movie() + video + fragment([3]) + box(b"mdat", b"one"))[1:] == [b"one"]


def test_media_data_until_the_end() -> None:
    endless = struct.pack(">I4s", 0, b"mdat") + b"one"
    assert read(FTYP + movie() + fragment([3]) + endless)[1:] == [b"one"]


def test_media_data_with_a_long_size() -> None:
    long = struct.pack(">I4sQ", 1, b"mdat", 16 + 3) + b"one"
    assert read(FTYP + movie() + fragment([3], gap=8) + long)[1:] == [b"one"]


def test_a_new_file_type_begins_a_new_recording() -> None:
    data = FTYP + movie() + fragment([3]) + box(b"mdat", b"one")
    assert read(data * 2) == [Track("opus", OPUS_HEAD), b"one"] * 2


def test_reading_resumes_at_the_next_fragment() -> None:
    data = FTYP + movie() + fragment([3]) + box(b"mdat", b"one") + b"\0\0\0\x30garbage"
    assert read(data + fragment([3]) + box(b"mdat", b"two"))[1:] == [b"one", b"two"]


def test_samples_come_while_the_recording_does() -> None:
    reader = Mp4Reader()
    parts = [len(reader.feed(blob)) for blob in recorded("mp4").blobs]
    assert min(parts[1:]) >= 1


def test_an_index_at_the_end_is_needed() -> None:
    data = written(Form("mp4", "aac"), "close_the_window")
    assert "ends before its index" in refusal(data[: data.rindex(b"moov") - 4]).message


def test_an_index_is_not_waited_for_without_end() -> None:
    reader = Mp4Reader()
    media = FTYP + struct.pack(">I4s", 0x7FFFFFFF, b"mdat")
    with pytest.raises(CallerError, match="too late"):
        for piece in cut(media + bytes(MAX_KEPT_BYTES + 1), [1 << 16]):
            reader.feed(piece)


@pytest.mark.parametrize(
    "moov",
    [
        movie(codec=b"enca"),
        movie(codec=b"alac"),
        movie(codec=b"avc1", handler=b"vide"),
        movie(
            codec=b"mp4a",
            extension=box(b"esds", bytes(4), b"\x03\x10\0\0\0\x04\x0d\xdd" + bytes(20)),
        ),
        box(b"moov"),
    ],
)
def test_other_sound_is_refused(moov: bytes) -> None:
    assert refusal(FTYP + moov).code is Code.UNSUPPORTED_AUDIO_FORMAT


@pytest.mark.parametrize(
    "data",
    [
        FTYP + movie(codec=b"mp4a", extension=b""),
        FTYP + movie(box(b"stsz", struct.pack(">III", 0, 1, MAX_SAMPLES + 1))),
        FTYP + movie(box(b"stsz", struct.pack(">III", 0, 0, 100))),
        FTYP + movie(box(b"stco", struct.pack(">II", 0, 0xFFFFFFFF))),
        FTYP + movie() + fragment([1 << 20]) + box(b"mdat", bytes(1 << 20)),
        FTYP + movie() + box(b"moof", box(b"traf", box(b"tfhd", bytes(3)))),
        FTYP + fragment([3]),
        FTYP + struct.pack(">I4s", 1 << 30, b"moov"),
        FTYP + b"\0\0\0\x10junk",
    ],
)
def test_damaged_and_hostile_indexes_are_refused(data: bytes) -> None:
    assert refusal(data).code is Code.AUDIO_DECODE_FAILED


def test_many_samples_without_a_byte_for_each_are_refused() -> None:
    run = box(b"trun", struct.pack(">II", 0, 0xFFFFFFFF))
    moof = box(b"moof", box(b"traf", box(b"tfhd", struct.pack(">III", 0x20010, 1, 1)), run))
    assert "lists more" in refusal(FTYP + movie() + moof).message
    many = box(b"trun", struct.pack(">II", 0, MAX_SAMPLES))
    moof = box(b"moof", box(b"traf", box(b"tfhd", struct.pack(">III", 0x20010, 1, 1)), many, many))
    assert "do not come" in refusal(FTYP + movie() + moof).message


def test_boxes() -> None:
    data = box(b"aaaa", box(b"bbbb", b"one"), box(b"cccc", b"two")) + box(b"dddd") + b"\0\0\0\x09x"
    assert [kind for kind, _ in children(data)] == [b"aaaa", b"dddd"]
    assert descend(data, b"aaaa", b"cccc") == b"two"
    assert descend(data, b"aaaa", b"eeee") == b""
