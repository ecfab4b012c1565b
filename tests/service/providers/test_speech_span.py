"""Finding the speech in a recording by loudness."""

import random
from array import array

import pytest

from cedar_voice_service.providers.pocketsphinx.speech_span import Loudness, SpeechSpan
from tests.support.recordings import speech_pcm

BYTES_PER_MS = 32
MARGIN_MS = 200


def noise(duration_ms: int, amplitude: int) -> bytes:
    chance = random.Random(duration_ms * amplitude)
    count = duration_ms * BYTES_PER_MS // 2
    return array("h", (chance.randint(-amplitude, amplitude) for _ in range(count))).tobytes()


def span_of(audio: bytes, piece_bytes: int = 3_200) -> SpeechSpan | None:
    loudness = Loudness()
    for start in range(0, len(audio), piece_bytes):
        loudness.feed(audio[start : start + piece_bytes])
    return loudness.span()


@pytest.mark.parametrize("audio", [b"", b"\0" * 64_000, noise(2_000, 20)])
def test_silence_has_no_speech(audio: bytes) -> None:
    assert span_of(audio) is None


@pytest.mark.parametrize("hum", [0, 20, 200])
def test_quiet_before_and_after_is_cut_away(hum: int) -> None:
    speech = speech_pcm("weather_in_london")
    span = span_of(noise(2_500, hum) + speech + noise(1_000, hum))
    assert span is not None
    start_ms, end_ms = span.start_byte / BYTES_PER_MS, span.end_byte / BYTES_PER_MS
    assert 2_500 - MARGIN_MS <= start_ms <= 2_700
    assert 2_500 + len(speech) / BYTES_PER_MS - 300 <= end_ms
    assert span.quiet_ms >= 1_000
    assert span.voiced_ms > 1_200


def test_a_hum_far_below_the_speech_is_not_speech() -> None:
    silence = bytes(2_000 * BYTES_PER_MS)
    span = span_of(silence + noise(1_500, 200) + speech_pcm())
    assert span is not None
    assert span.start_byte / BYTES_PER_MS >= 3_500 - MARGIN_MS


def test_a_click_is_not_speech() -> None:
    click = array("h", [30_000] * 160).tobytes()
    span = span_of(noise(500, 300) + click + noise(2_000, 300) + speech_pcm())
    assert span is not None
    assert span.loudness_db < -10


def test_the_size_of_the_pieces_does_not_matter() -> None:
    speech = speech_pcm()
    assert span_of(speech, 2) == span_of(speech, 958) == span_of(speech, len(speech))
