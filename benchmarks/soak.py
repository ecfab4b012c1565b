"""Measure the memory, files and tasks that very many ended sessions leave behind.

    python -m benchmarks.soak [--sessions 20000] [--transport grpc websocket]

Sessions open and end, several at once: typed, spoken, interrupted, dropped, resumed, invalid; see
`benchmarks.visits`. After each round of them the benchmark waits until all sessions are over, and
counts memory, files, threads, tasks and objects of the processes. A line through the second half,
when caches and pools are full, gives the bytes that each session leaves behind permanently. See
docs/benchmarks.md.
"""

import argparse
import asyncio
import math
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from itertools import product as pairs
from pathlib import Path
from statistics import linear_regression, variance
from typing import Any, get_args

import aiohttp
import grpc
import msgspec
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from benchmarks import report
from benchmarks.census import Census, ask
from benchmarks.lines import Transport
from benchmarks.processes import Product, attempt, product, provider
from benchmarks.visits import WAYS, VisitFailed, Way, pay

MOST = {"rss_bytes": 100.0, "native_bytes": 100.0, "blocks": 0.5}
"""Most that a session may leave behind of each figure."""

RESUME_WINDOW_MS = 4_000
"""Time for which a session outlives its connection: just long enough to resume it."""

SETTLE_S = 15.0
"""Longest wait for the end of all sessions of a round."""

SETTINGS = {
    "CEDAR_RESUME_WINDOW_MS": str(RESUME_WINDOW_MS),
    "CEDAR_REFUSE_SESSIONS_LAG_MS": "60000",
    "CEDAR_LOG_LEVEL": "warning",
}
_LASTING = ("files", "tasks")
_GROWN_TYPES = 8
_PATIENT_ERRORS = (VisitFailed, TimeoutError, grpc.RpcError, aiohttp.ClientError, OSError)


@dataclass(frozen=True, slots=True)
class Sample:
    """The census of each process after a number of ended sessions."""

    sessions: int
    census: dict[str, Census]


@dataclass(slots=True)
class Soaked:
    """The samples after each round, and the failures of sessions by reason."""

    samples: list[Sample] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def second_half(self) -> list[Sample]:
        """Samples of the second half, from which slopes are fitted: at least two."""
        return self.samples[-(len(self.samples) // 2 + 1) :]

    def slope(self, process: str, figure: str) -> tuple[float, float]:
        """Return the growth of a figure per session in the second half, and its standard error."""
        points = self.second_half
        ended = [sample.sessions for sample in points]
        values = [getattr(sample.census[process], figure) for sample in points]
        line = linear_regression(ended, values)
        off = [
            value - line.slope * at - line.intercept
            for at, value in zip(ended, values, strict=True)
        ]
        freedom = len(points) - 2
        spread = math.sqrt(variance(ended) * (len(points) - 1))
        error = math.sqrt(sum(each**2 for each in off) / freedom) / spread if freedom else math.inf
        return line.slope, error

    def is_met(self, process: str, figure: str) -> bool:
        """Whether the growth of a figure is within its limit, or not significantly above it."""
        slope, error = self.slope(process, figure)
        return slope - 2 * error <= MOST[figure]

    def left(self, process: str) -> dict[str, int]:
        """Return how many files and tasks there are more than after the first round."""
        first, last = (self.samples[at].census[process] for at in (0, -1))
        return {name: getattr(last, name) - getattr(first, name) for name in _LASTING}

    def grown(self, process: str) -> list[tuple[str, int]]:
        """Return the classes with more objects after the second half, and the differences."""
        first, last = (self.second_half[at].census[process].types for at in (0, -1))
        growth = Counter(last)
        growth.subtract(first)
        return [(name, count) for name, count in growth.most_common(_GROWN_TYPES) if count > 0]


async def run(options: argparse.Namespace, soaked: Soaked) -> None:
    """Soak the product, and append each finished round to `soaked`.

    Raises:
        ProcessFailed: the product or the provider does not run.
    """
    with tempfile.TemporaryDirectory() as folder, report.progress() as progress:
        bar = progress.add_task("sessions", total=options.sessions)
        with_bridge = "websocket" in options.transport
        async with (
            provider("--brief") as url,
            product(
                url, with_bridge=with_bridge, settings=SETTINGS, censuses=Path(folder)
            ) as running,
        ):
            visits = cycle(pairs(options.transport, [WAYS[name] for name in options.ways]))
            size = max(1, options.sessions // options.rounds)
            idle = await _taken(running)
            for ended in range(size, options.sessions + 1, size):
                round_visits = iter(list(islice(visits, size)))
                await _churn(round_visits, running, options.at_once, soaked, (progress, bar))
                soaked.samples.append(Sample(ended, await _settled(running, idle)))


async def _churn(
    visits: Iterator[tuple[Transport, Way]],
    running: Product,
    at_once: int,
    soaked: Soaked,
    told: tuple[Progress, TaskID],
) -> None:
    """Run all visits of a round, `at_once` of them concurrently."""
    addresses: dict[Transport, str] = {
        "grpc": running.grpc_address,
        "websocket": running.http_address,
    }
    progress, bar = told

    async def visitor() -> None:
        for transport, way in visits:
            try:
                await pay(transport, addresses[transport], way)
            except _PATIENT_ERRORS as error:
                said = error.details() if isinstance(error, grpc.aio.AioRpcError) else error
                soaked.failures[f"{transport}, {way.__name__}: {said or type(error).__name__}"] += 1
            progress.advance(bar)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(at_once):
            tasks.create_task(visitor())


async def _settled(running: Product, idle: dict[str, Census]) -> dict[str, Census]:
    """Return the censuses when no session is left, or after `SETTLE_S`."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + SETTLE_S
    while True:
        await asyncio.sleep(RESUME_WINDOW_MS / 1000)  # dropped sessions live that long
        taken = await _taken(running)
        is_settled = all(taken[name].tasks <= idle[name].tasks for name in idle)
        if is_settled or loop.time() > deadline_s:
            return taken


async def _taken(running: Product) -> dict[str, Census]:
    return {name: await ask(address) for name, address in running.censuses.items()}


def figures_of(soaked: Soaked) -> dict[str, Any]:
    """Return all figures, for the JSON file."""
    processes = soaked.samples[0].census
    figures = [name for name in Census.__struct_fields__ if name != "types"]
    return {
        "samples": [
            {"sessions": sample.sessions}
            | {
                process: {name: getattr(census, name) for name in figures}
                for process, census in sample.census.items()
            }
            for sample in soaked.samples
        ],
        "per_session": {
            process: {name: soaked.slope(process, name)[0] for name in figures}
            for process in processes
        },
        "left": {process: soaked.left(process) for process in processes},
        "grown": {process: dict(soaked.grown(process)) for process in processes},
        "failures": dict(soaked.failures),
    }


def is_flat(soaked: Soaked) -> bool:
    """Whether sessions leave no more behind than allowed, in every process."""
    return all(
        all(soaked.is_met(process, figure) for figure in MOST)
        and max(soaked.left(process).values()) <= 0
        for process in soaked.samples[0].census
    )


def tables_of(soaked: Soaked) -> Iterator[Table]:
    """Yield a table per process, with a row per round and the growth per session."""
    figures = [name for name in Census.__struct_fields__ if name != "types"]
    for process in soaked.samples[0].census:
        table = Table(title=process, caption=report.surroundings())
        for name in ("sessions", *figures):
            table.add_column(name.replace("_bytes", " kB"), justify="right")
        for sample in soaked.samples:
            census = msgspec.structs.asdict(sample.census[process])
            row = (census[name] // (1024 if name.endswith("_bytes") else 1) for name in figures)
            table.add_row(str(sample.sessions), *map(str, row))
        table.add_section()
        slopes = ("{:+.1f} ± {:.1f}".format(*soaked.slope(process, name)) for name in figures)
        table.add_row("each leaves", *slopes)
        yield table
        if grown := soaked.grown(process):
            table = Table("class", "more objects", title=f"{process}: growth in the second half")
            for name, count in grown:
                table.add_row(name, str(count))
            yield table


def show(soaked: Soaked, options: argparse.Namespace) -> None:
    """Print the tables and the reasons of failures; write the requested file."""
    report.show(*tables_of(soaked), as_markdown=options.markdown)
    console = Console(stderr=True)
    for reason, count in soaked.failures.most_common():
        console.print(f"{count} x {reason}", style="red", markup=False)
    for process in soaked.samples[0].census:
        for figure, most in MOST.items():
            slope, error = soaked.slope(process, figure)
            verdict = "met" if soaked.is_met(process, figure) else "missed"
            told = f"{slope:+.1f} ± {error:.1f} per session, at most {most}: {verdict}"
            console.print(f"{process}, {figure}: {told}")
        console.print(f"{process}, more than after the first round: {soaked.left(process)}")
    if options.json:
        report.write_json(options.json, "soak", vars(options), figures_of(soaked))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=20_000, metavar="N")
    parser.add_argument("--at-once", type=int, default=32, metavar="N", help="concurrent sessions")
    parser.add_argument("--rounds", type=int, default=20, help="counts are taken after each")
    parser.add_argument(
        "--transport", nargs="+", choices=get_args(Transport), default=get_args(Transport)
    )
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="of a session")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures as JSON")
    options = parser.parse_args(arguments)
    soaked = Soaked()
    status = attempt(run(options, soaked))
    if len(soaked.samples) > 2:
        show(soaked, options)
        status = status or bool(soaked.failures) or not is_flat(soaked)
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
