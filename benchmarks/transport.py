"""Measure the cost of the path through the product without engines, beside a bare echo.

    python -m benchmarks.transport

A caller sends a ping and waits for its pong: message in, event out. Or it sends 100 ms of silence
as samples followed by a ping: the pong arrives once the piece has been decoded and searched for
speech, since a session processes messages in order. The echo receives the same messages and answers
the pings only. Paced, fifty callers do so ten times a second; saturated, one caller keeps sixteen
pings in flight.
"""

import argparse
import asyncio
import struct
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import Literal, get_args

from rich.table import Table

from benchmarks import report
from benchmarks.figures import p95
from benchmarks.lines import Line, Setup, Transport, open_line
from benchmarks.processes import ProcessFailed, attempt, cores, product, running
from benchmarks.recording import PIECE_MS, RATE_HZ
from benchmarks.usage import usage_of
from tests.support.openai_script import Pace

Server = Literal["echo", "product"]
Content = Literal["ping", "audio"]

PACED_CALLERS = 50
IN_FLIGHT = 16
PONG_TIMEOUT_S = 10
NOWHERE = "http://127.0.0.1:9/v1"
"""Address of a provider that receives no request."""

# A WAV file of unknown length: recognized by its header over either transport.
_WAV_HEADER = b"".join(
    (
        b"RIFF\xff\xff\xff\xffWAVEfmt ",
        struct.pack("<IHHIIHH", 16, 1, 1, RATE_HZ, RATE_HZ * 2, 2, 16),
        b"data\xff\xff\xff\xff",
    )
)
_SILENCE = bytes(RATE_HZ * PIECE_MS // 1000 * 2)
# With server_vad silence begins no turn, so no engine is used.
_SETUP = Setup(mode="server_vad", encoding="webm", silence_ms=500, drafts=False)


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one server and one kind of message; times are from message to answer."""

    transport: Transport
    server: Server
    content: Content
    paced_p50_us: float
    paced_p95_us: float
    paced_cpu_us: float
    saturated_cpu_us: float
    saturated_per_s: float


@dataclass(frozen=True, slots=True)
class Running:
    """A running server and its processes."""

    address: str
    pids: tuple[int, ...]


class Pinger:
    """A session that sends pings."""

    def __init__(self, line: Line, content: Content) -> None:
        self._line = line
        self._header, self._audio = line.packed([_WAV_HEADER, _SILENCE])
        self._has_audio = content == "audio"
        self._pongs = line.events()

    async def begin(self) -> None:
        """Begin the recording, where audio is sent."""
        if self._has_audio:
            await self._line.send(self._header)

    async def ask(self) -> None:
        """Send a ping, after a piece of audio where audio is sent."""
        if self._has_audio:
            await self._line.send(self._audio)
        await self._line.ping()

    async def hear(self) -> None:
        """Wait for a pong.

        Raises:
            ProcessFailed: none arrives.
        """
        try:
            async with asyncio.timeout(PONG_TIMEOUT_S):
                async for event in self._pongs:
                    if event.kind == "pong":
                        return
                    if event.kind == "error":
                        raise ProcessFailed(event.message)
        except TimeoutError:
            raise ProcessFailed("a ping was not answered") from None
        raise ProcessFailed("the session ended")

    async def paced(self, rounds: int, delay_s: float) -> list[float]:
        """Ping every `PIECE_MS`; return the latency of each pong, in microseconds."""
        await asyncio.sleep(delay_s)
        await self.begin()
        pace = Pace(0, PIECE_MS)
        took_us = []
        for _ in range(rounds):
            await pace.tick()
            began_s = time.perf_counter()
            await self.ask()
            await self.hear()
            took_us.append((time.perf_counter() - began_s) * 1e6)
        return took_us

    async def saturated(self, duration_s: float) -> int:
        """Ping as fast as pongs arrive; return the number of pongs."""
        await self.begin()
        until_s = time.perf_counter() + duration_s
        count = 0
        for _ in range(IN_FLIGHT):
            await self.ask()
        while time.perf_counter() < until_s:
            await self.hear()
            await self.ask()
            count += 1
        for _ in range(IN_FLIGHT):
            await self.hear()
        return count + IN_FLIGHT


@asynccontextmanager
async def echo_server(transport: Transport) -> AsyncIterator[Running]:
    """Run the bare echo.

    Raises:
        ProcessFailed: it does not start.
    """
    with tempfile.TemporaryFile() as log:
        arguments = ["benchmarks.echo", transport]
        async with running(arguments, cores().measured, is_talked_to=True, log=log) as process:
            assert process.stdout is not None
            if not (address := (await process.stdout.readline()).decode().strip()):
                raise ProcessFailed("the echo does not start")
            yield Running(address, (process.pid,))


@asynccontextmanager
async def product_server(transport: Transport) -> AsyncIterator[Running]:
    """Run the product, with the bridge for WebSocket."""
    with_bridge = transport == "websocket"
    async with product(NOWHERE, with_bridge=with_bridge) as started:
        address = started.http_address if with_bridge else started.grpc_address
        yield Running(address, started.pids)


async def measure(
    transport: Transport, server: Server, content: Content, options: argparse.Namespace
) -> Row:
    """Measure one server with one kind of message."""
    running_server = echo_server if server == "echo" else product_server
    async with running_server(transport) as target:
        took_us, paced_cpu_us = await _paced(transport, target, content, options.rounds)
        async with open_line(transport, target.address, _SETUP) as line:
            pinger = Pinger(line, content)
            before_ms, began_s = usage_of(target.pids).cpu_ms, time.perf_counter()
            count = await pinger.saturated(options.duration_s)
            took_s = time.perf_counter() - began_s
            cpu_ms = usage_of(target.pids).cpu_ms - before_ms
        return Row(
            transport,
            server,
            content,
            median(took_us),
            p95(took_us),
            paced_cpu_us,
            cpu_ms * 1000 / count,
            count / took_s,
        )


async def _paced(
    transport: Transport, target: Running, content: Content, rounds: int
) -> tuple[list[float], float]:
    """Return the latencies of all pongs, and the processor time per pong, in microseconds."""
    before_ms = usage_of(target.pids).cpu_ms
    async with asyncio.TaskGroup() as tasks:
        callers = [
            tasks.create_task(_one_paced(transport, target, content, rounds, place))
            for place in range(PACED_CALLERS)
        ]
    took_us = [took for caller in callers for took in caller.result()]
    cpu_ms = usage_of(target.pids).cpu_ms - before_ms
    return took_us, cpu_ms * 1000 / len(took_us)


async def _one_paced(
    transport: Transport, target: Running, content: Content, rounds: int, place: int
) -> list[float]:
    async with open_line(transport, target.address, _SETUP) as line:
        pinger = Pinger(line, content)
        return await pinger.paced(rounds, place * PIECE_MS / 1000 / PACED_CALLERS)


async def run(options: argparse.Namespace, rows: list[Row]) -> None:
    """Measure every combination, and append it to `rows`.

    Raises:
        ProcessFailed: a server does not run, or does not answer.
    """
    with report.progress() as progress:
        works = [
            (transport, server, content)
            for transport in get_args(Transport)
            for content in get_args(Content)
            for server in get_args(Server)
        ]
        bar = progress.add_task("transport", total=len(works))
        for transport, server, content in works:
            progress.update(bar, description=f"{transport}, {server}, {content}")
            rows.append(await measure(transport, server, content, options))
            progress.advance(bar)


def show(rows: Sequence[Row], options: argparse.Namespace) -> None:
    """Print the table; write the requested files."""
    table = Table(
        "transport",
        "server",
        "message",
        "p50",
        "p95",
        "CPU paced",
        "CPU saturated",
        "messages/s",
        title="Message to answer, in microseconds",
        caption=report.surroundings(),
    )
    for row in rows:
        figures = list(asdict(row).values())
        table.add_row(*figures[:3], *(f"{figure:.0f}" for figure in figures[3:]))
    report.show(table, as_markdown=options.markdown)
    if options.json:
        report.write_json(options.json, "transport", vars(options), [asdict(row) for row in rows])
    if options.plot:
        names = [f"{row.transport}, {row.content}: {row.server}" for row in rows]
        bars = {
            "message to answer, p50 (us)": [row.paced_p50_us for row in rows],
            "processor time per message, saturated (us)": [row.saturated_cpu_us for row in rows],
        }
        report.plot_bars(options.plot, "Transport alone", names, bars)


def main() -> int:
    """Run the benchmark and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=100, help="pings of each paced caller")
    parser.add_argument("--duration-s", type=float, default=5.0, help="of the saturated caller")
    report.add_options(parser)
    options = parser.parse_args()
    rows: list[Row] = []
    status = attempt(run(options, rows))
    if rows:
        show(rows, options)
    return status


if __name__ == "__main__":
    sys.exit(main())
