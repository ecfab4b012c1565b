"""WAV headers as programs write them, right or wrong."""

import struct

import pytest

from cedar_voice_service.audio.containers.parts import Part, Track
from cedar_voice_service.audio.containers.wav import WavReader
from cedar_voice_service.errors import CallerError, Code

SAMPLES = bytes(range(200))
TRACK = Track("pcm_s16le", b"", 16_000, 1)


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    size = len(body) if size is None else size
    return name + struct.pack("<I", size) + body + bytes(len(body) % 2)


def pcm_format(
    tag: int = 1, bits: int = 16, channels: int = 1, rate_hz: int = 16_000, more: bytes = b""
) -> bytes:
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate_hz, 0, 0, bits) + more)


def wav(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + b"".join(chunks)


def read(data: bytes) -> tuple[list[Part], bytes]:
    """Tracks and samples."""
    reader, byte_by_byte = WavReader(), WavReader()
    parts = reader.feed(data) + reader.flush()
    slowly = [p for at in range(len(data)) for p in byte_by_byte.feed(data[at : at + 1])]
    assert b"".join(p for p in slowly if isinstance(p, bytes)) == b"".join(
        p for p in parts if isinstance(p, bytes)
    )
    tracks: list[Part] = [part for part in parts if isinstance(part, Track)]
    return tracks, b"".join(part for part in parts if isinstance(part, bytes))


def refusal(data: bytes) -> CallerError:
    with pytest.raises(CallerError) as caught:
        WavReader().feed(data)
    return caught.value


def test_samples() -> None:
    assert read(wav(pcm_format(), chunk(b"data", SAMPLES))) == ([TRACK], SAMPLES)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF - 36])
def test_streams_whose_length_was_not_known(size: int) -> None:
    assert read(wav(pcm_format(), chunk(b"data", SAMPLES * 50, size)))[1] == SAMPLES * 50


def test_other_chunks_are_passed_over() -> None:
    odd = chunk(b"LIST", b"odd")
    data = wav(odd, pcm_format(), odd, chunk(b"fact", b"1234"), chunk(b"data", SAMPLES), odd)
    assert read(data) == ([TRACK], SAMPLES)


def test_files_one_after_the_other() -> None:
    one = wav(pcm_format(), chunk(b"data", SAMPLES))
    two = wav(pcm_format(rate_hz=8_000), chunk(b"data", SAMPLES))
    assert read(one + two) == ([TRACK, Track("pcm_s16le", b"", 8_000, 1)], SAMPLES * 2)


def test_half_a_sample_at_the_end_is_no_sound() -> None:
    assert read(wav(pcm_format(), chunk(b"data", SAMPLES[:99], 99)))[1] == SAMPLES[:98]


def test_extensible_format() -> None:
    more = struct.pack("<HHI", 22, 16, 4) + b"\x01\0" + bytes(14)
    tracks, _ = read(wav(pcm_format(tag=0xFFFE, more=more), chunk(b"data", SAMPLES)))
    assert tracks == [TRACK]


@pytest.mark.parametrize(
    "header",
    [
        pcm_format(tag=2, bits=4),
        pcm_format(tag=1, bits=20),
        pcm_format(channels=0),
        pcm_format(channels=9),
        pcm_format(rate_hz=0),
        pcm_format(rate_hz=400_000),
        pcm_format(tag=0xFFFE),
    ],
)
def test_other_formats_are_refused(header: bytes) -> None:
    error = refusal(wav(header, chunk(b"data", SAMPLES)))
    assert error.code is Code.UNSUPPORTED_AUDIO_FORMAT


@pytest.mark.parametrize(
    "data",
    [
        wav(chunk(b"data", SAMPLES)),
        wav(chunk(b"fmt ", b"short")),
        wav(chunk(b"fmt ", b"", 1 << 20)),
        b"RIFF\0\0\0\0AVI " + bytes(20),
        b"fmt " + bytes(20),
    ],
)
def test_damaged_headers_are_refused(data: bytes) -> None:
    assert refusal(data).code is Code.AUDIO_DECODE_FAILED
