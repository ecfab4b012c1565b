"""Ogg page by page."""

import pytest

from cedar_voice_service.audio.containers.ogg import MAX_LOST_BYTES, MAX_PACKET_BYTES, OggReader
from cedar_voice_service.audio.containers.parts import Part, Track
from cedar_voice_service.errors import CallerError, Code

FIRST, CONTINUED = 2, 1
HEAD = b"OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"
TAGS = b"OpusTags"


def page(*packets: bytes, flags: int = 0, serial: int = 1, is_open: bool = False) -> bytes:
    """A page; of an open one, the last packet goes on in the next."""
    laces = bytearray()
    for packet in packets:
        laces += b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    if is_open:
        assert laces.pop() == 0
    header = b"OggS\0" + bytes([flags]) + bytes(8) + serial.to_bytes(4, "little") + bytes(8)
    return header + bytes([len(laces)]) + laces + b"".join(packets)


OPENING = page(HEAD, flags=FIRST) + page(TAGS)


def read(data: bytes) -> list[Part]:
    reader = OggReader()
    whole = reader.feed(data) + reader.flush()
    byte_by_byte = OggReader()
    assert [p for at in range(len(data)) for p in byte_by_byte.feed(data[at : at + 1])] == whole
    return whole


def refusal(data: bytes) -> CallerError:
    with pytest.raises(CallerError) as caught:
        OggReader().feed(data)
    return caught.value


def test_packets() -> None:
    assert read(OPENING + page(b"one", b"two") + page(b"three")) == [
        Track("opus", HEAD),
        b"one",
        b"two",
        b"three",
    ]


@pytest.mark.parametrize("length", [254, 255, 256, 510, 1_000])
def test_packets_of_any_length(length: int) -> None:
    assert read(OPENING + page(b"a" * length, b"b"))[1:] == [b"a" * length, b"b"]


def test_a_packet_over_several_pages() -> None:
    pages = [
        page(b"one", b"a" * 510, is_open=True),
        page(b"a" * 255, flags=CONTINUED, is_open=True),
        page(b"a" * 3, b"two", flags=CONTINUED),
    ]
    assert read(OPENING + b"".join(pages))[1:] == [b"one", b"a" * 768, b"two"]


def test_the_rest_of_a_packet_whose_beginning_is_lost_is_dropped() -> None:
    reader = OggReader()
    reader.feed(OPENING + page(b"one", b"a" * 255, is_open=True))
    assert reader.feed(page(b"b" * 510, is_open=True)) == []
    assert reader.feed(page(b"b", b"two", flags=CONTINUED)) == [b"b" * 511, b"two"]


def test_long_tags() -> None:
    tags = [page(TAGS + bytes(502), is_open=True), page(bytes(9), b"one", flags=CONTINUED)]
    assert read(page(HEAD, flags=FIRST) + b"".join(tags))[1:] == [b"one"]


def test_other_streams_are_passed_over() -> None:
    data = page(b"fishead", flags=FIRST, serial=9) + page(HEAD, flags=FIRST)
    data += page(b"fisbone", serial=9) + page(TAGS) + page(b"video", serial=9) + page(b"one")
    assert read(data) == [Track("opus", HEAD), b"one"]


def test_a_new_first_page_begins_a_new_recording() -> None:
    second = page(HEAD, flags=FIRST, serial=2) + page(TAGS, serial=2) + page(b"two", serial=2)
    assert read(OPENING + page(b"one") + second) == [
        Track("opus", HEAD),
        b"one",
        Track("opus", HEAD),
        b"two",
    ]


def test_garbage_between_pages_is_passed_over() -> None:
    assert read(OPENING + page(b"one") + b"Og" * 50 + page(b"two"))[1:] == [b"one", b"two"]


def test_endless_garbage_is_refused() -> None:
    assert refusal(OPENING + bytes(MAX_LOST_BYTES + 10)).code is Code.AUDIO_DECODE_FAILED


def test_an_endless_packet_is_refused() -> None:
    pages = page(b"a" * 255 * 200, flags=CONTINUED, is_open=True) * (MAX_PACKET_BYTES // 51_000 + 1)
    assert "too long" in refusal(OPENING + page(b"a" * 255, is_open=True) + pages).message


@pytest.mark.parametrize("head", [b"\x01vorbis", b"\x7fFLAC", b"Speex   ", b""])
def test_other_codecs_are_refused(head: bytes) -> None:
    error = refusal(page(head, flags=FIRST) + page(b"more"))
    assert error.code is Code.UNSUPPORTED_AUDIO_FORMAT


def test_what_is_no_ogg_is_refused() -> None:
    assert refusal(b"RIFFxxxxWAVE").code is Code.AUDIO_DECODE_FAILED
