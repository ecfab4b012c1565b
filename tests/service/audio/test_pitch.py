"""Pitch, by numbers: how often a tone crosses zero, and how long it lasts."""

import math
from array import array
from itertools import pairwise

import pytest

from cedar_voice_service.audio.formats import Pcm
from cedar_voice_service.audio.pitch import PitchShifter

RATE_HZ = 24_000
TONE_HZ = 300
DURATION_MS = 2_000


def tone(block_ms: int) -> list[Pcm]:
    """A tone in blocks."""
    count = RATE_HZ * DURATION_MS // 1000
    samples = array(
        "h", (round(8_000 * math.sin(math.tau * TONE_HZ * i / RATE_HZ)) for i in range(count))
    )
    size = RATE_HZ * block_ms // 1000
    return [Pcm(samples[at : at + size].tobytes(), RATE_HZ) for at in range(0, count, size)]


def frequency_hz(samples: "array[int]") -> float:
    """The frequency of a tone, from the middle of it."""
    middle = samples[len(samples) // 4 : 3 * len(samples) // 4]
    rises = sum(1 for a, b in pairwise(middle) if a < 0 <= b)
    return rises * RATE_HZ / len(middle)


@pytest.mark.parametrize("pitch", [0.5, 0.8, 1.25, 2.0])
@pytest.mark.parametrize("block_ms", [20, 100])
def test_the_pitch_changes_and_the_length_does_not(pitch: float, block_ms: int) -> None:
    shifter = PitchShifter(pitch, RATE_HZ)
    shifted = [block for pcm in tone(block_ms) for block in shifter.feed(pcm)]
    assert shifted  # it does not wait for the end
    shifted += shifter.flush()
    assert {block.sample_rate_hz for block in shifted} == {RATE_HZ}
    samples = array("h", b"".join(block.data for block in shifted))
    assert frequency_hz(samples) == pytest.approx(TONE_HZ * pitch, rel=0.03)
    assert len(samples) * 1000 / RATE_HZ == pytest.approx(DURATION_MS, rel=0.05)


def test_nothing_in_nothing_out() -> None:
    assert not PitchShifter(1.5, RATE_HZ).flush()
