"""WebM element by element: what browsers do not write, but others do."""

import struct

import pytest

from cedar_voice_service.audio.containers import ebml
from cedar_voice_service.audio.containers.parts import Part, Track
from cedar_voice_service.audio.containers.webm import (
    MAX_BULKY_BYTES,
    MAX_LOST_BYTES,
    MAX_TRACKS,
    WebmReader,
)
from cedar_voice_service.errors import CallerError, Code

UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
OPUS_HEAD = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00"


def element(id_: int, *content: bytes, is_open: bool = False) -> bytes:
    """An element; an open one is of unknown size."""
    body = b"".join(content)
    name = id_.to_bytes((id_.bit_length() + 7) // 8, "big")
    size = UNKNOWN_SIZE if is_open else (len(body) | 1 << 56).to_bytes(8, "big")
    return name + size + body


def entry(number: int, kind: int = 2, codec: bytes = b"A_OPUS", *more: bytes) -> bytes:
    return element(
        ebml.TRACK_ENTRY,
        element(ebml.TRACK_NUMBER, bytes([number])),
        element(ebml.TRACK_TYPE, bytes([kind])),
        element(ebml.CODEC_ID, codec),
        *more,
    )


def block(number: int, packet: bytes, flags: int = 0x80) -> bytes:
    return bytes([0x80 | number, 0, 0, flags]) + packet


def simple(number: int, packet: bytes, flags: int = 0x80) -> bytes:
    return element(ebml.SIMPLE_BLOCK, block(number, packet, flags))


HEADER = element(ebml.EBML, element(0x4282, b"webm"))
PRIVATE = element(ebml.CODEC_PRIVATE, OPUS_HEAD)
TRACKS = element(ebml.TRACKS, entry(1, 2, b"A_OPUS", PRIVATE))
OPENING = HEADER + element(ebml.SEGMENT, is_open=True) + TRACKS


def read(data: bytes) -> list[Part]:
    reader = WebmReader()
    whole = reader.feed(data) + reader.flush()
    byte_by_byte = WebmReader()
    assert [p for at in range(len(data)) for p in byte_by_byte.feed(data[at : at + 1])] == whole
    return whole


def refusal(data: bytes) -> CallerError:
    with pytest.raises(CallerError) as caught:
        WebmReader().feed(data)
    return caught.value


@pytest.mark.parametrize("is_open", [True, False])
def test_clusters_of_known_and_unknown_size(is_open: bool) -> None:
    clusters = [
        element(ebml.CLUSTER, element(0xE7, b"\0"), simple(1, b"one"), is_open=is_open),
        element(ebml.CLUSTER, simple(1, b"two"), is_open=is_open),
    ]
    data = HEADER + element(ebml.SEGMENT, TRACKS, *clusters, is_open=is_open)
    assert read(data) == [Track("opus", OPUS_HEAD), b"one", b"two"]


def test_block_groups() -> None:
    group = element(ebml.BLOCK_GROUP, element(ebml.BLOCK, block(1, b"one")), element(0x9B, b"\x14"))
    assert read(OPENING + element(ebml.CLUSTER, group, simple(1, b"two")))[1:] == [b"one", b"two"]


def test_the_first_audio_track_is_heard() -> None:
    tracks = element(ebml.TRACKS, entry(1, 1, b"V_VP8"), entry(2, 2, b"A_OPUS", PRIVATE), entry(3))
    blocks = [simple(1, b"video"), simple(2, b"sound"), simple(3, b"other sound")]
    assert read(HEADER + tracks + element(ebml.CLUSTER, *blocks)) == [
        Track("opus", OPUS_HEAD),
        b"sound",
    ]


def test_a_new_header_begins_a_new_recording() -> None:
    second = HEADER + element(ebml.TRACKS, entry(7)) + element(ebml.CLUSTER, simple(7, b"two"))
    data = OPENING + element(ebml.CLUSTER, simple(1, b"one"), is_open=True) + second
    assert read(data) == [Track("opus", OPUS_HEAD), b"one", Track("opus"), b"two"]


def test_what_is_of_no_interest_is_passed_over() -> None:
    tags = element(0x1254C367, bytes(100_000))
    unknown = element(0x4DBB, bytes(200))
    data = HEADER + tags + TRACKS + element(ebml.CLUSTER, unknown, simple(1, b"one"), unknown)
    reader = WebmReader()
    assert reader.feed(data) == [Track("opus", OPUS_HEAD), b"one"]


def test_a_long_gap_before_the_tracks_is_passed_over() -> None:
    void = element(0xEC, bytes(5_000))
    data = HEADER + void + TRACKS + element(ebml.CLUSTER, simple(1, b"one"))
    assert read(data) == [Track("opus", OPUS_HEAD), b"one"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0" * 50,
        element(0x4DBB, bytes(257)),
        b"\x42\x86" + (MAX_BULKY_BYTES + 1 | 1 << 56).to_bytes(8, "big"),
        b"\xa3" + UNKNOWN_SIZE,
        b"\xa3\x10\xff\xff\xff",
    ],
)
def test_reading_resumes_at_the_next_cluster(garbage: bytes) -> None:
    clusters = [
        element(ebml.CLUSTER, simple(1, b"one"), garbage, simple(1, b"lost"), is_open=True),
        element(ebml.CLUSTER, simple(1, b"two"), is_open=True),
    ]
    assert read(OPENING + b"".join(clusters))[1:] == [b"one", b"two"]


def test_clusters_that_are_none_do_not_pile_up() -> None:
    """Each of them begins as a cluster does, and is found not to be one."""
    assert (
        "beyond repair" in refusal(OPENING + b"\x1f\x43\xb6\x75\0" * (MAX_LOST_BYTES // 4)).message
    )


def test_floats_from_chromium() -> None:
    audio = element(
        ebml.AUDIO,
        element(ebml.SAMPLING_FREQUENCY, struct.pack(">f", 48_000)),
        element(ebml.CHANNELS, b"\x02"),
        element(ebml.BIT_DEPTH, b"\x20"),
    )
    tracks = element(ebml.TRACKS, entry(1, 2, b"A_PCM/FLOAT/IEEE", audio))
    block_of_a_second = bytes(192_000)
    data = HEADER + tracks + element(ebml.CLUSTER, simple(1, block_of_a_second))
    reader = WebmReader()
    assert reader.feed(data) == [Track("pcm_f32le", b"", 48_000, 2), block_of_a_second]


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -1.0, 0.0, 1e30])
def test_impossible_rates_are_refused(rate: float) -> None:
    audio = element(
        ebml.AUDIO,
        element(ebml.SAMPLING_FREQUENCY, struct.pack(">d", rate)),
        element(ebml.BIT_DEPTH, b"\x10"),
    )
    tracks = element(ebml.TRACKS, entry(1, 2, b"A_PCM/INT/LIT", audio))
    error = refusal(HEADER + tracks + element(ebml.CLUSTER))
    assert error.code is Code.UNSUPPORTED_AUDIO_FORMAT


@pytest.mark.parametrize(
    "tracks",
    [
        element(ebml.TRACKS, entry(1, 2, b"A_VORBIS")),
        element(ebml.TRACKS, entry(1, 1, b"V_VP8")),
        element(ebml.TRACKS, entry(1, 2, b"A_OPUS", element(ebml.CONTENT_ENCODINGS, b"\0"))),
        b"",
    ],
)
def test_other_sound_is_refused(tracks: bytes) -> None:
    error = refusal(HEADER + tracks + element(ebml.CLUSTER, simple(1, b"one")))
    assert error.code is Code.UNSUPPORTED_AUDIO_FORMAT


def test_laced_blocks_are_refused() -> None:
    error = refusal(OPENING + element(ebml.CLUSTER, simple(1, b"\1one", flags=0x82)))
    assert error.code is Code.UNSUPPORTED_AUDIO_FORMAT


def test_endless_tracks_are_refused() -> None:
    assert "tracks" in refusal(HEADER + entry(1) * (MAX_TRACKS + 1)).message


@pytest.mark.parametrize("data", [b"\0", simple(1, b"one"), element(ebml.CLUSTER), b"OggS\0"])
def test_what_has_no_header_is_refused(data: bytes) -> None:
    assert refusal(data + bytes(300)).code is Code.AUDIO_DECODE_FAILED


def test_an_element_of_gigabytes_is_not_waited_for() -> None:
    reader = WebmReader()
    reader.feed(OPENING + element(ebml.CLUSTER, is_open=True) + b"\xa3\x08\xff\xff\xff\xff")
    assert reader.feed(bytes(1_000) + element(ebml.CLUSTER, simple(1, b"one"))) == [b"one"]
