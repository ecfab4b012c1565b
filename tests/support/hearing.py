"""Measurements of decoded audio: its length, its level, its gaps."""

import io
from array import array
from dataclasses import dataclass

import av

SILENCE_LEVEL = 200
"""Samples below this are silence; full scale is 32767."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Audible properties of some audio; lengths in milliseconds."""

    duration_ms: float
    peak: int
    longest_gap_ms: float


def listen(data: bytes) -> Heard:
    """Decode a whole file of audio, of any format, and measure it."""
    samples = array("h")
    with av.open(io.BytesIO(data), mode="r") as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
        for frame in [*container.decode(audio=0), None]:
            for block in resampler.resample(frame):
                samples.frombytes(bytes(block.planes[0])[: block.samples * 2])
    return measure(samples, 16_000)


def measure(samples: "array[int]", rate_hz: int) -> Heard:
    """Measure samples of signed 16-bit mono."""
    longest = gap = 0
    for sample in samples:
        gap = gap + 1 if abs(sample) < SILENCE_LEVEL else 0
        longest = max(longest, gap)
    peak = max(map(abs, samples), default=0)
    return Heard(len(samples) * 1000 / rate_hz, peak, longest * 1000 / rate_hz)
