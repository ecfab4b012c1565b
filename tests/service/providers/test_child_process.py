"""Child processes: what becomes of them, and of us, when something goes wrong."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest
import uvloop

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.workers.child_process import ChildProcess
from cedar_voice_service.workers.frames import DATA
from tests.support.children import HELLO, SPEAKER, child_pids, open_files, wait_until_gone

ABANDONED_PARENT = f"""
import asyncio, os, signal
from cedar_voice_service.errors import Stage
from cedar_voice_service.workers.child_process import ChildProcess

async def main():
    child = ChildProcess({SPEAKER!r}, Stage.TTS)
    await child.launch()
    await child.ready()
    (pid,) = map(int, open(f"/proc/self/task/{{os.getpid()}}/children").read().split())
    os.kill(pid, signal.SIGSTOP)
    asyncio.ensure_future(child.ask(b"d", {HELLO!r}, timeout_ms=5_000))
    await asyncio.sleep(0)
    print(pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@asynccontextmanager
async def started() -> AsyncIterator[tuple[ChildProcess, int]]:
    """A child that is ready, and its process id."""
    before = child_pids()
    child = ChildProcess(SPEAKER, Stage.TTS)
    try:
        await child.launch()
        await child.ready()
        (pid,) = child_pids() - before
        yield child, pid
    finally:
        await child.stop()
    assert child_pids() <= before


async def test_it_answers_again_and_again() -> None:
    async with started() as (child, _):
        replies = [await child.ask(DATA, HELLO, timeout_ms=5_000) for _ in range(3)]
        assert child.is_usable
    assert all(len(reply) > 10_000 for reply in replies)


async def test_death_in_the_middle_of_a_request_is_an_engine_error() -> None:
    async with started() as (child, pid):
        os.kill(pid, signal.SIGSTOP)
        async with asyncio.TaskGroup() as group:
            reply = group.create_task(failure_of(child.ask(DATA, HELLO, timeout_ms=5_000)))
            group.create_task(kill(pid))
        assert reply.result().code is Code.TTS_FAILED
        assert reply.result().retryable
        assert not child.is_usable


async def test_death_between_requests_fails_the_next_at_once() -> None:
    async with started() as (child, pid):
        os.kill(pid, signal.SIGKILL)
        error = await failure_of(child.ask(DATA, HELLO, timeout_ms=60_000))
        assert error.code is Code.TTS_FAILED


async def test_a_stopped_child_is_given_up_in_time() -> None:
    async with started() as (child, pid):
        os.kill(pid, signal.SIGSTOP)
        error = await failure_of(child.ask(DATA, HELLO, timeout_ms=100))
        assert error.code is Code.STAGE_TIMEOUT
        assert not child.is_usable
        assert wait_until_gone(pid, timeout_s=10)


async def test_a_cancelled_request_leaves_no_reply_for_the_next() -> None:
    async with started() as (child, pid):
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await child.ask(DATA, HELLO, timeout_ms=5_000)
        assert not child.is_usable


def test_it_gets_nothing_of_ours_but_its_pipes() -> None:
    """Whatever gRPC leaves open for children, on the loop that the service runs on."""

    async def scenario() -> set[int]:
        ours, theirs = os.pipe()
        os.set_inheritable(ours, True)
        try:
            async with started() as (_, pid):
                return open_files(pid)
        finally:
            os.close(ours)
            os.close(theirs)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(scenario()) == {0, 1, 2, 3}  # the last are replies


async def test_it_can_be_launched_again() -> None:
    async with started() as (child, pid):
        os.kill(pid, signal.SIGKILL)
        await child.launch()
        await child.ready()
        assert await child.ask(DATA, HELLO, timeout_ms=5_000)


async def test_a_child_that_cannot_start_is_an_engine_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    child = ChildProcess("cedar_voice_service.no_such_module", Stage.STT)
    try:
        await child.launch()
        assert (await failure_of(child.ready())).code is Code.STT_FAILED
    finally:
        await child.stop()
    assert "no_such_module" in capfd.readouterr().err


def test_it_ends_in_silence_when_its_parent_is_killed_over_a_request() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ABANDONED_PARENT], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as parent:
        assert parent.wait(timeout=30) == -signal.SIGKILL
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, signal.SIGCONT)
        assert wait_until_gone(pid, timeout_s=10)
        assert parent.communicate()[1] == b""


async def failure_of(request: Awaitable[object]) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await request
    return caught.value


async def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
