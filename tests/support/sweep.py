"""A tone that rises steadily, so that its pitch identifies the time."""

import wave
from array import array
from math import pi, sin
from pathlib import Path

RATE_HZ = 16_000
SWEEP_HZ = 300
"""Frequency at the start of a sweep."""
SWEEP_HZ_PER_S = 300
"""Rise of the frequency per second."""


def sweep(path: Path, seconds: float = 8) -> Path:
    """Write a sweep as a recording for the microphone, and return its path."""
    times = (sample / RATE_HZ for sample in range(round(seconds * RATE_HZ)))
    phases = (2 * pi * (SWEEP_HZ * t + SWEEP_HZ_PER_S * t * t / 2) for t in times)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(array("h", (round(16_000 * sin(phase)) for phase in phases)).tobytes())
    return path


def moment_ms(pcm: bytes) -> float:
    """Return the time within the sweep of the middle of these samples, from their pitch."""
    samples = array("h", pcm)
    rises = [at for at in range(1, len(samples)) if samples[at - 1] < 0 <= samples[at]]
    pitch_hz = (len(rises) - 1) * RATE_HZ / (rises[-1] - rises[0])
    return (pitch_hz - SWEEP_HZ) / SWEEP_HZ_PER_S * 1000
