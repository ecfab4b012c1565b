"""A child process that answers requests, one at a time, for an engine that cannot live in ours.

Such an engine holds the GIL, or can crash. The child runs a module of this package that calls
`frames.serve`; it ends when our end of its input closes, however we end.
"""

import asyncio
import sys
from typing import cast

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.providers.frames import FrameReader, frame_of

_START_TIMEOUT_S = 30
_STOP_TIMEOUT_S = 10


class ChildProcess:
    """Runs `module`. Every failure is an `EngineError` of `stage`, and leaves the child stopped."""

    def __init__(self, module: str, stage: Stage) -> None:
        self._module = module
        self._stage = stage
        self._pipes: _Pipes | None = None
        self._transport: asyncio.SubprocessTransport | None = None

    @property
    def is_usable(self) -> bool:
        """Whether the child is running and owes no reply."""
        return self._pipes is not None and self._pipes.is_idle

    async def launch(self) -> None:
        """Start the child without waiting until it is ready; `ready` must follow."""
        await self.stop()
        pipes = _Pipes(self._stage)
        self._transport, self._pipes = await asyncio.get_running_loop().subprocess_exec(
            lambda: pipes,
            *(sys.executable, "-P", "-m", self._module),
            stderr=None,
            # Ctrl-C in a terminal goes to its whole process group: we alone decide when to stop.
            start_new_session=True,
        )

    async def ready(self) -> None:
        """Wait until the launched child answers."""
        await self._reply(_START_TIMEOUT_S)

    async def ask(self, kind: bytes, body: bytes = b"", *, timeout_ms: int) -> bytes:
        """Send one request and wait for its reply.

        A caller that is cancelled, or waits too long, leaves a child that is not usable: its reply
        would be taken for that of the next request.

        Raises:
            EngineError: the child died, or did not answer in time (code STAGE_TIMEOUT).
        """
        assert self._pipes is not None
        self._pipes.send(frame_of(kind, body))
        return await self._reply(timeout_ms / 1000)

    async def stop(self) -> None:
        """Kill the child, if it runs, and wait until nothing of it is left."""
        if self._transport is None or self._pipes is None:
            return
        self._transport.close()
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await self._pipes.closed.wait()
        self._transport = self._pipes = None

    async def _reply(self, timeout_s: float) -> bytes:
        assert self._pipes is not None
        assert self._transport is not None
        try:
            async with asyncio.timeout(timeout_s):
                return await self._pipes.reply
        except TimeoutError:
            raise EngineError(
                self._stage, "the engine process did not answer", code=Code.STAGE_TIMEOUT
            ) from None
        finally:
            if not self._pipes.is_idle:
                self._transport.close()


class _Pipes(asyncio.SubprocessProtocol):
    """The pipes of one child: at most one request is under way, so nothing here can pile up."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._frames = FrameReader()
        self._input: asyncio.WriteTransport | None = None
        self._lost = False
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.closed = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        return not self._lost and self.reply.done() and not self.reply.cancelled()

    def send(self, frame: bytes) -> None:
        self.reply = asyncio.get_running_loop().create_future()
        if self._lost or self._input is None:
            self._fail()
        else:
            self._input.write(frame)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        process = cast(asyncio.SubprocessTransport, transport)
        self._input = cast(asyncio.WriteTransport, process.get_pipe_transport(0))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        try:
            frames = self._frames.feed(data)
        except ValueError:
            self._fail()
            return
        for _, body in frames:
            if not self.reply.done():
                self.reply.set_result(body)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._fail()

    def process_exited(self) -> None:
        self._fail()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def _fail(self) -> None:
        self._lost = True
        if not self.reply.done():
            self.reply.set_exception(EngineError(self._stage, "the engine process died"))
            # A child that dies while nobody waits is noticed when it is next looked at.
            self.reply.exception()
