"""Worker processes on loan: one borrower each, bounded waits, replacement of the dead."""

import asyncio
import os
import signal

import pytest

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.workers.frames import DATA
from cedar_voice_service.workers.pool import open_worker_pool
from tests.support.children import HELLO, SPEAKER, child_pids


async def test_a_worker_serves_one_borrower_at_a_time() -> None:
    async with open_worker_pool(SPEAKER, Stage.TTS, size=2) as pool:
        async with pool.worker() as first, pool.worker() as second:
            assert first is not second
        async with pool.worker() as again:
            assert again in (first, second)


async def test_waiting_for_a_busy_pool_is_bounded_and_says_so() -> None:
    async with open_worker_pool(SPEAKER, Stage.TTS, size=1, wait_ms=20) as pool, pool.worker():
        with pytest.raises(EngineError) as caught:
            async with pool.worker():
                pass
    assert caught.value.code is Code.OVERLOADED
    assert caught.value.retryable
    assert caught.value.retry_after_ms > 0


async def test_a_borrower_who_waits_gets_the_worker_that_comes_back() -> None:
    async with open_worker_pool(SPEAKER, Stage.TTS, size=1) as pool:

        async def speak() -> bytes:
            async with pool.worker() as worker:
                return await worker.ask(DATA, HELLO, timeout_ms=5_000)

        async with asyncio.TaskGroup() as group:
            replies = [group.create_task(speak()) for _ in range(8)]
    assert all(reply.result() for reply in replies)


async def test_a_dead_worker_is_replaced_for_the_next_borrower() -> None:
    before = child_pids()
    async with open_worker_pool(SPEAKER, Stage.TTS, size=1) as pool:
        (pid,) = child_pids() - before
        os.kill(pid, signal.SIGKILL)
        async with pool.worker() as worker:
            with pytest.raises(EngineError):
                await worker.ask(DATA, HELLO, timeout_ms=5_000)
        async with pool.worker() as worker:
            assert await worker.ask(DATA, HELLO, timeout_ms=5_000)
    assert child_pids() <= before


async def test_a_pool_that_cannot_start_leaves_nothing_behind(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = child_pids()
    with pytest.raises(EngineError):
        async with open_worker_pool("cedar_voice_service.no_such_module", Stage.STT, size=3):
            pass
    assert child_pids() <= before
    assert "no_such_module" in capfd.readouterr().err
