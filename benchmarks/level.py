"""One level of load: a fresh product and provider, the floor, then the sessions at once."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import msgspec

from benchmarks.caller import Habits
from benchmarks.floor import Floor, FloorTurn, open_floor
from benchmarks.generator import Load, Report
from benchmarks.notes import Failure, Turn
from benchmarks.processes import ProcessFailed, cores, product, provider, running
from benchmarks.recording import load_recording
from benchmarks.usage import NOTHING, Usage, forget_peaks, usage_of

FLOOR_TURNS = 8

_WARM_UP_LISTEN_S = 1.0

Advance = Callable[[], None]


@dataclass(slots=True)
class Measured:
    """Measurements of one level. Memory and processor time are of service and bridge.

    Attributes:
        floor: turns by hand before the level, without other load.
        floor_beside: turns by hand during the level: slower than the floor before by as much as
            provider and load generator are late themselves.
        idle, used: the product's processes before the level and after it.
        stt_audio_ms: audio sent to the recognizer.
        load: the load average of the last minute.
    """

    sessions: int
    habits: Habits
    floor: list[FloorTurn]
    floor_beside: list[FloorTurn] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    idle: Usage = NOTHING
    used: Usage = NOTHING
    stt_audio_ms: float = 0.0
    load: float = 0.0


async def measure(
    sessions: int, turns: int, habits: Habits, *, generators: int, advance: Advance
) -> Measured:
    """Measure one level.

    Args:
        generators: number of processes that share the sessions.
        advance: called when a turn ends.

    Raises:
        ProcessFailed: the product, the provider or a generator does not run.
    """
    with_bridge = habits.transport == "websocket"
    async with (
        provider() as url,
        product(url, with_bridge=with_bridge) as running_product,
        open_floor(url) as floor,
    ):
        wav = load_recording().wav
        await floor.turn(wav)
        measured = Measured(sessions, habits, [await floor.turn(wav) for _ in range(FLOOR_TURNS)])
        address = running_product.http_address if with_bridge else running_product.grpc_address
        load = Load(address, habits, sessions, turns)
        await _warm_up(load)
        audio_before_ms, recordings = await _stt_audio_ms(url), floor.recordings
        measured.idle = usage_of(running_product.pids)
        forget_peaks(running_product.pids)
        async with _beside(floor, wav, measured.floor_beside):
            await _run(load, generators, measured, advance)
        measured.used = usage_of(running_product.pids)
        floor_ms = (floor.recordings - recordings) * load_recording().duration_ms
        measured.stt_audio_ms = await _stt_audio_ms(url) - audio_before_ms - floor_ms
        measured.load = os.getloadavg()[0]
    return measured


async def _warm_up(load: Load) -> None:
    """Start everything that starts once: two sessions also start a second decoder process."""
    habits = replace(load.habits, listen_s=_WARM_UP_LISTEN_S)
    two = msgspec.structs.replace(load, habits=habits, sessions=2, turns=1)
    warm = Measured(2, habits, [])
    await _run(two, 1, warm, lambda: None)
    if warm.failures:
        raise ProcessFailed(f"the first turn failed: {warm.failures[0].reason}")


async def _run(load: Load, generators: int, measured: Measured, advance: Advance) -> None:
    async with asyncio.TaskGroup() as tasks:
        for first in range(min(generators, load.sessions)):
            share = msgspec.structs.replace(load, first=first, step=generators)
            tasks.create_task(_generate(share, measured, advance))


async def _generate(load: Load, measured: Measured, advance: Advance) -> None:
    """Run one generator to its end."""
    with tempfile.TemporaryFile() as log:
        generator = running(["benchmarks.generator"], cores().measuring, is_talked_to=True, log=log)
        async with generator as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(msgspec.json.encode(load) + b"\n")
            await process.stdin.drain()
            async for line in process.stdout:
                report = msgspec.json.decode(line, type=Report)
                if report.turn is not None:
                    measured.turns.append(report.turn)
                if report.failure is not None:
                    measured.failures.append(report.failure)
                advance()
            if await process.wait():
                log.seek(0)
                raise ProcessFailed(f"the load generator: {log.read().decode()[-4000:]}")


@asynccontextmanager
async def _beside(floor: Floor, wav: bytes, turns: list[FloorTurn]) -> AsyncIterator[None]:
    """Make turns by hand in the background, one after the other."""

    async def make() -> None:
        while True:
            turns.append(await floor.turn(wav))

    async with asyncio.TaskGroup() as tasks:
        making = tasks.create_task(make())
        yield
        making.cancel()


async def _stt_audio_ms(provider_url: str) -> float:
    async with (
        aiohttp.ClientSession() as http,
        http.get(provider_url.removesuffix("/v1") + "/received") as answer,
    ):
        account: dict[str, Any] = await answer.json()
        return float(account["stt"]["audio_ms"])
