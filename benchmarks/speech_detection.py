"""Measure the cost of speech detection, and the effect of its gate on the detected edges.

    python -m benchmarks.speech_detection

The recorded sentences are joined with pauses, made softer, and mixed with noise. In the reference,
Silero judges every frame; in the product, a cheap gate selects the frames. Both are compared with
the speech that the reference finds in the clean recording. Costs are processor time of this process
per second of audio.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from benchmarks import report
from benchmarks.figures import p95
from cedar_voice_service.audio.formats import LISTENING_RATE_HZ, SAMPLE_BYTES, EdgeKind, Pcm
from cedar_voice_service.audio.speech_detector import SpeechDetector
from tests.support.recordings import SPEECH, speech_pcm

TARGET_MS_PER_S = 10
THRESHOLD = 0.5
MIN_SPEECH_MS = 100
BLOCK_BYTES = LISTENING_RATE_HZ // 10 * SAMPLE_BYTES
PAUSE_S = 1.5
ROUNDS = 3
SNRS_DB = (20, 10, 5, 0)

Samples = NDArray[np.float64]
Stretches = list[tuple[int, int]]
"""Intervals of speech: first and last millisecond of each."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The same speech under one condition of noise or level."""

    name: str
    pcm: bytes

    @property
    def duration_ms(self) -> int:
        """Length, in milliseconds."""
        return len(self.pcm) // SAMPLE_BYTES * 1000 // LISTENING_RATE_HZ


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one detector on one scene, relative to the true speech."""

    scene: str
    detector: str
    ms_per_s: float
    missed_ms: int
    false_ms: int
    onset_p50_ms: int
    onset_p95_ms: int
    offset_p50_ms: int
    offset_p95_ms: int


def scenes() -> list[Scene]:
    """Return the joined recordings: clean, then softer and in noise."""
    clean = _joined()
    chance = np.random.default_rng(1)
    white = chance.normal(size=clean.size)
    low = np.convolve(white, np.ones(40) / 40, mode="same")  # a fan: mostly below 400 Hz
    mixes = [Scene("clean", _pcm(clean)), Scene("softer 30 dB", _pcm(clean * 0.03))]
    for kind, noise in (("hiss", white), ("fan", low)):
        mixes += [Scene(f"{kind} {snr} dB", _pcm(_mixed(clean, noise, snr))) for snr in SNRS_DB]
    return [*mixes, Scene("silence", bytes(clean.size * SAMPLE_BYTES))]


def _joined() -> Samples:
    pause = np.zeros(int(PAUSE_S * LISTENING_RATE_HZ))
    parts = [pause]
    for path in sorted(SPEECH.glob("*.wav")):
        parts += [np.frombuffer(speech_pcm(path.stem), "<i2").astype(np.float64), pause]
    return np.concatenate(parts)


def _mixed(speech: Samples, noise: Samples, snr_db: float) -> Samples:
    """Add noise at a signal-to-noise ratio over the audible speech."""
    loudness = np.sqrt(np.mean(speech[np.abs(speech) > 100] ** 2))
    level = loudness / 10 ** (snr_db / 20) / np.sqrt(np.mean(noise**2))
    mix: Samples = 0.5 * (speech + level * noise)
    return mix


def _pcm(samples: Samples) -> bytes:
    return np.clip(samples, -32_768, 32_767).astype("<i2").tobytes()


def find(scene: Scene, *, is_gated: bool) -> tuple[Stretches, float]:
    """Return the detected speech, and the cost in milliseconds per second of audio."""
    costs_ms = []
    found: Stretches = []
    for _ in range(ROUNDS):
        detector = SpeechDetector(THRESHOLD, MIN_SPEECH_MS, is_gated=is_gated)
        started_s = time.process_time()
        edges = [
            edge
            for at in range(0, len(scene.pcm), BLOCK_BYTES)
            for edge in detector.feed(Pcm(scene.pcm[at : at + BLOCK_BYTES]))
        ]
        edges += detector.flush()
        costs_ms.append((time.process_time() - started_s) * 1000)
        times = {kind: [edge.at_ms for edge in edges if edge.kind is kind] for kind in EdgeKind}
        found = list(zip(times[EdgeKind.STARTED], times[EdgeKind.STOPPED], strict=True))
    return found, min(costs_ms) * 1000 / scene.duration_ms


def compare(scene: Scene, detector: str, truth: Stretches, *, is_gated: bool) -> Figures:
    """Run a detector and compare its result with `truth`; a positive delay is late."""
    found, ms_per_s = find(scene, is_gated=is_gated)
    is_speech, is_found = _timeline(truth, scene), _timeline(found, scene)
    pairs = [
        (one, [other for other in found if other[0] < one[1] and one[0] < other[1]])
        for one in truth
    ]
    onsets = [others[0][0] - one[0] for one, others in pairs if others]
    offsets = [others[-1][1] - one[1] for one, others in pairs if others]
    return Figures(
        scene.name,
        detector,
        round(ms_per_s, 2),
        int(np.sum(is_speech & ~is_found)),
        int(np.sum(is_found & ~is_speech)),
        *_p50_p95(onsets),
        *_p50_p95(offsets),
    )


def _timeline(stretches: Stretches, scene: Scene) -> NDArray[np.bool_]:
    timeline = np.zeros(scene.duration_ms, bool)
    for start_ms, end_ms in stretches:
        timeline[start_ms:end_ms] = True
    return timeline


def _p50_p95(values: Sequence[int]) -> tuple[int, int]:
    if len(values) < 2:
        return (values[0], values[0]) if values else (0, 0)
    return round(statistics.median(values)), round(p95(values))


def run() -> list[Figures]:
    """Measure both detectors on every scene."""
    clean, *harder = scenes()
    truth, _ = find(clean, is_gated=False)
    figures = []
    with report.progress() as progress:
        for scene in progress.track([clean, *harder], description="scenes"):
            speech = [] if scene.name == "silence" else truth
            figures.append(compare(scene, "reference", speech, is_gated=False))
            figures.append(compare(scene, "product", speech, is_gated=True))
    return figures


def mean_ms_per_s(figures: Sequence[Figures], detector: str) -> float:
    """Return the mean cost of a detector over all scenes."""
    return statistics.fmean(row.ms_per_s for row in figures if row.detector == detector)


def show(figures: Sequence[Figures], options: argparse.Namespace) -> None:
    """Print a row per scene and detector; write the requested files."""
    is_ms = mean_ms_per_s(figures, "product")
    verdict = f"product {is_ms:.2f} ms per second of audio on average, at most {TARGET_MS_PER_S}"
    headings = ("scene", "detector", "ms/s", "missed", "false", "onset", "p95", "offset", "p95")
    table = Table(title="Speech detection: cost, and edges in ms")
    table.caption = f"{report.machine()}; {verdict}"
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in figures:
        table.add_row(*(str(value) for value in asdict(row).values()))
    report.show(table, as_markdown=options.markdown)
    if options.json:
        rows = [asdict(row) for row in figures]
        report.write_json(options.json, "speech_detection", vars(options), rows)
    if options.plot:
        names = [f"{row.scene}: {row.detector}" for row in figures]
        bars: dict[str, list[float]] = {
            "processor time per second (ms)": [row.ms_per_s for row in figures],
            "speech missed (ms)": [row.missed_ms for row in figures],
            "false speech (ms)": [row.false_ms for row in figures],
        }
        report.plot_bars(options.plot, "Speech detection", names, bars)


def main() -> int:
    """Run the benchmark; return 0 when the product meets the target, else 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    report.add_options(parser)
    options = parser.parse_args()
    figures = run()
    show(figures, options)
    return int(mean_ms_per_s(figures, "product") > TARGET_MS_PER_S)


if __name__ == "__main__":
    sys.exit(main())
