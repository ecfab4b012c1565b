"""The load generator, as a process: independent callers, each in real time.

    python -m benchmarks.generator

It reads one `Load` as a line of JSON and writes a line for each finished turn, a `Turn` or a
`Failure`. It ends by itself; when it is terminated, the product cleans its sessions up.
"""

import asyncio
import sys

import aiohttp
import grpc
import msgspec
import uvloop

from benchmarks.caller import Caller, Habits, TurnFailed, calling
from benchmarks.notes import Failure, Turn


class Load(msgspec.Struct, frozen=True):
    """A number of sessions and of turns in each; they begin spread over the time of one turn.

    With several generators, this one starts the sessions at `first`, `first + step` and so on.
    """

    address: str
    habits: Habits
    sessions: int
    turns: int
    first: int = 0
    step: int = 1


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one turn: one of the two is set."""

    turn: Turn | None = None
    failure: Failure | None = None


def say(report: Report) -> None:
    """Write a line for the parent process."""
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    sys.stdout.buffer.flush()


async def generate(load: Load) -> None:
    """Run all sessions of the load."""
    async with asyncio.TaskGroup() as tasks:
        for place in range(load.first, load.sessions, load.step):
            delay_s = place * load.habits.turn_s / load.sessions
            tasks.create_task(_converse(load, delay_s))


async def _converse(load: Load, delay_s: float) -> None:
    """Run one session. A failure is limited to it, and counts for each of its remaining turns."""
    await asyncio.sleep(delay_s)
    left = load.turns
    try:
        async with calling(load.address, load.habits) as caller:
            while left:
                await _one_turn(caller)
                left -= 1
    except (TurnFailed, grpc.RpcError, aiohttp.ClientError, OSError, ExceptionGroup) as error:
        for _ in range(left):
            say(Report(failure=Failure(_reason(error))))


async def _one_turn(caller: Caller) -> None:
    say(Report(turn=await caller.turn()))


def _reason(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def main() -> None:
    """Read the load and run it."""
    load = msgspec.json.decode(sys.stdin.buffer.readline(), type=Load)
    uvloop.run(generate(load))


if __name__ == "__main__":
    main()
