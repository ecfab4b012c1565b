"""A fixed number of child processes, each lent to one caller at a time."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.workers.child_process import ChildProcess

_WAIT_MS = 5_000


class WorkerPool:
    """Lends the processes of one stage; made by `open_worker_pool`."""

    def __init__(self, workers: list[ChildProcess], stage: Stage, wait_ms: int) -> None:
        self._stage = stage
        self._wait_ms = wait_ms
        self._free: asyncio.Queue[ChildProcess] = asyncio.Queue(maxsize=len(workers))
        for worker in workers:
            self._free.put_nowait(worker)

    @asynccontextmanager
    async def worker(self) -> AsyncGenerator[ChildProcess, None]:
        """Borrow a worker; one that died, or was left in the middle of a request, is replaced.

        Raises:
            EngineError: code OVERLOADED if no worker becomes free in time.
        """
        worker = await self._borrow()
        try:
            if not worker.is_usable:
                await worker.launch()
                await worker.ready()
            yield worker
        finally:
            self._free.put_nowait(worker)

    async def _borrow(self) -> ChildProcess:
        try:
            async with asyncio.timeout(self._wait_ms / 1000):
                return await self._free.get()
        except TimeoutError:
            raise EngineError(
                self._stage,
                "all processes of the stage are busy",
                code=Code.OVERLOADED,
                retry_after_ms=self._wait_ms,
            ) from None


@asynccontextmanager
async def open_worker_pool(
    module: str, stage: Stage, *, size: int, wait_ms: int = _WAIT_MS
) -> AsyncGenerator[WorkerPool, None]:
    """Run `size` processes of `module`, all of them ready, and stop them at the end.

    `wait_ms` is the longest wait of a caller for a free process.

    Raises:
        EngineError: a process does not start.
    """
    workers = [ChildProcess(module, stage) for _ in range(size)]
    try:
        # All of them get ready at the same time.
        for worker in workers:
            await worker.launch()
        for worker in workers:
            await worker.ready()
        yield WorkerPool(workers, stage, wait_ms)
    finally:
        for worker in workers:
            await worker.stop()
