"""Decoding packet by packet."""

import pytest

from cedar_voice_service.audio.codec import MAX_FAILED_PACKETS, TrackDecoder
from cedar_voice_service.audio.containers.parts import Track
from cedar_voice_service.audio.containers.webm import WebmReader
from cedar_voice_service.errors import CallerError, Code
from tests.support.media import recorded

TRACK, *PACKETS = WebmReader().feed(recorded("webm").data)
INVALID = b"\xff\xff"
"""An Opus packet that claims 63 frames."""


@pytest.fixture
def decoder() -> TrackDecoder:
    assert isinstance(TRACK, Track)
    return TrackDecoder(TRACK)


def packet(index: int) -> bytes:
    part = PACKETS[index]
    assert isinstance(part, bytes)
    return part


def test_a_packet_is_60_ms(decoder: TrackDecoder) -> None:
    assert decoder.decode(packet(0)) != b""
    assert [len(decoder.decode(packet(index))) for index in range(1, 5)] == [1_920] * 4


def test_a_damaged_packet_is_left_out(decoder: TrackDecoder) -> None:
    for _ in range(2):
        for _ in range(MAX_FAILED_PACKETS - 1):
            assert decoder.decode(INVALID) == b""
        assert decoder.decode(packet(0)) != b""


def test_many_damaged_packets_are_refused(decoder: TrackDecoder) -> None:
    decoder.decode(packet(0))
    with pytest.raises(CallerError) as caught:
        for _ in range(MAX_FAILED_PACKETS):
            decoder.decode(INVALID)
    assert caught.value.code is Code.AUDIO_DECODE_FAILED


def test_nothing_but_damaged_packets_are_refused_at_the_end(decoder: TrackDecoder) -> None:
    decoder.decode(INVALID)
    with pytest.raises(CallerError):
        decoder.flush()


def test_setup_that_makes_no_sense_is_refused() -> None:
    decoder = TrackDecoder(Track("aac", b"\xff" * 20))
    with pytest.raises(CallerError):
        for _ in range(MAX_FAILED_PACKETS):
            decoder.decode(packet(0))
