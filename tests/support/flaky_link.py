"""A link of TCP between two programs that can be cut, and can fall silent with both ends open."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

PIECE_BYTES = 64 << 10


class FlakyLink:
    """Carries connections to a target until they are cut."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_open = asyncio.Event()
        self._is_open.set()
        self.connections = 0
        self.address = ""

    def cut(self) -> None:
        """Break every connection, as a reset does; later ones are carried."""
        for writer in self._writers:
            writer.transport.abort()

    def hang(self) -> None:
        """Silence every connection that is open now, permanently; later ones are carried."""
        for task in self._tasks:
            task.cancel()

    def stall(self) -> None:
        """Carry nothing until `flow`, and lose nothing."""
        self._is_open.clear()

    def flow(self) -> None:
        """End a stall."""
        self._is_open.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client to the target."""
        self.connections += 1
        host, _, port = self._target.rpartition(":")
        try:
            there, back = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        for source, sink in ((reader, back), (there, writer)):
            self._writers.add(sink)
            task = asyncio.create_task(self._copy(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(PIECE_BYTES):
                await self._is_open.wait()
                sink.write(data)
                await sink.drain()
            sink.close()

    async def close(self) -> None:
        """Close all connections."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.cut()


@asynccontextmanager
async def flaky_link(target: str) -> AsyncIterator[FlakyLink]:
    """A link to "host:port" on a free port of this machine."""
    link = FlakyLink(target)
    server = await asyncio.start_server(link.carry, "127.0.0.1", 0)
    link.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield link
    finally:
        server.close()
        await link.close()
