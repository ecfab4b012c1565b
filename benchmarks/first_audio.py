"""How long the user waits for the answer's first sound, beside the least that is possible.

    python -m benchmarks.first_audio [--sessions 1 10] [--turns 10] [--json]

The floor makes the provider's three calls by hand with perfect pipelining; the product is the real
service in a process of its own, driven over gRPC by clients that speak a recording in real time and
then say `stop_listening`. Both use the same provider process, with fixed latencies, and take turns
within the same run. Absolute times say little, the ratio does; but the floor hardly computes, so on
a machine that is busy with other things the ratio speaks of the machine: see the load beside it.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.caller import calling
from benchmarks.floor import Floor, open_floor
from benchmarks.processes import provider, service
from benchmarks.recording import Recording, load_recording

TARGET_RATIO = 1.15
COLUMNS = {
    "sessions": "sessions",
    "turns": "turns",
    "floor_p50_ms": "floor",
    "floor_p95_ms": "p95",
    "product_p50_ms": "product",
    "product_p95_ms": "p95",
    "ratio_p50": "ratio",
    "is_within_target": "within",
    "load": "load",
}
"""The figures that the table shows, and their headings."""


@dataclass(slots=True)
class Level:
    """What was measured with so many sessions at once, in milliseconds.

    `load` is how many processes wanted a core, on average over the last minute.
    """

    sessions: int
    load: float = 0.0
    floor_ms: list[float] = field(default_factory=list)
    product_ms: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Median of the product over median of the floor."""
        return statistics.median(self.product_ms) / statistics.median(self.floor_ms)

    def summary(self) -> dict[str, Any]:
        """The figures of the level."""
        return {
            "sessions": self.sessions,
            "turns": len(self.product_ms),
            "floor_p50_ms": round(statistics.median(self.floor_ms), 1),
            "floor_p95_ms": round(_p95(self.floor_ms), 1),
            "product_p50_ms": round(statistics.median(self.product_ms), 1),
            "product_p95_ms": round(_p95(self.product_ms), 1),
            "ratio_p50": round(self.ratio, 3),
            "is_within_target": self.ratio <= TARGET_RATIO,
            "load": round(self.load, 1),
        }


@dataclass(frozen=True, slots=True)
class Bench:
    """What every session of a run uses."""

    address: str
    floor: Floor
    recording: Recording
    listen_s: float
    progress: Progress

    async def measure(self, sessions: int, turns: int, title: str = "") -> Level:
        """Run so many sessions side by side, each so many turns."""
        level = Level(sessions)
        bar = self.progress.add_task(title or f"{sessions} sessions", total=sessions * turns)
        turn_s = self.recording.duration_ms / 1000 + self.listen_s + 1
        async with asyncio.TaskGroup() as tasks:
            for number in range(sessions):
                # Spread, as the turns of people who do not know of each other are.
                delay_s = number * turn_s / sessions
                tasks.create_task(self._converse(level, turns, delay_s, bar))
        level.load = os.getloadavg()[0]
        return level

    async def _converse(self, level: Level, turns: int, delay_s: float, bar: Any) -> None:
        await asyncio.sleep(delay_s)
        async with calling(self.address) as caller:
            for _ in range(turns):
                floor_ms = await self.floor.first_audio_ms(self.recording.wav)
                product_ms = await caller.first_audio_ms(self.recording, listen_s=self.listen_s)
                level.floor_ms.append(floor_ms)
                level.product_ms.append(product_ms)
                self.progress.advance(bar)


async def run(sessions: Sequence[int], turns: int, listen_s: float) -> list[Level]:
    """Measure each number of sessions."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    async with provider() as url, service(url) as address, open_floor(url) as floor:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bench = Bench(address, floor, load_recording(), listen_s, progress)
            await bench.measure(1, 1, "warm-up")
            return [await bench.measure(count, turns) for count in sessions]


def show(levels: Sequence[Level]) -> None:
    """Print the levels side by side."""
    title = "From the end of speech to the first sound of the answer"
    caption = f"times in ms; ratio of the medians, target {TARGET_RATIO}; {os.cpu_count()} cores"
    table = Table(title=title, caption=caption)
    for heading in COLUMNS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for level in levels:
        figures = level.summary()
        table.add_row(*(str(figures[name]) for name in COLUMNS))
    Console().print(table)


def _p95(values: Sequence[float]) -> float:
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def main() -> int:
    """Run the benchmark; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 10], metavar="N")
    parser.add_argument("--turns", type=int, default=10, help="of each session")
    parser.add_argument(
        "--listen-s", type=float, default=2.0, help="how long an answer is heard, then interrupted"
    )
    parser.add_argument("--json", action="store_true", help="print figures instead of a table")
    options = parser.parse_args()
    levels = asyncio.run(run(options.sessions, options.turns, options.listen_s))
    if options.json:
        print(json.dumps([level.summary() for level in levels], indent=2))
    else:
        show(levels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
