"""A child process that answers requests, one at a time, for work that this process cannot do.

Such work holds the GIL, or can crash. The child runs a module of this package that calls
`frames.serve`; it ends when our end of its input closes, also if this process is killed.
"""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.workers.frames import FrameReader, frame_of

_START_TIMEOUT_S = 30
_STOP_TIMEOUT_S = 10


class ChildProcess:
    """Runs `module`. Every failure is an `EngineError` of `stage`, and leaves the child stopped."""

    def __init__(self, module: str, stage: Stage, arguments: Sequence[str] = ()) -> None:
        self._command = (sys.executable, "-P", "-m", module, *arguments)
        self._stage = stage
        self._child: _Child | None = None

    @property
    def is_usable(self) -> bool:
        """Whether the child is running and owes no reply."""
        return self._child is not None and self._child.pipes.is_idle

    async def launch(self) -> None:
        """Start the child without waiting until it is ready; `ready` must follow.

        Raises:
            EngineError: the system has no room for another process or pipe.
        """
        try:
            await self.stop()
            process = _spawn(self._command)
        except OSError:
            raise EngineError(self._stage, "the process of the stage does not start") from None
        self._child = _Child(process, _Pipes(self._stage))
        await self._child.pipes.connect(process)

    async def ready(self) -> None:
        """Wait until the launched child answers.

        Raises:
            EngineError: as `ask`.
        """
        await self._reply(self._running(), _START_TIMEOUT_S)

    async def ask(self, kind: bytes, body: bytes = b"", *, timeout_ms: int) -> bytes:
        """Send one request and wait for its reply.

        A caller that is cancelled, or waits too long, leaves a child that is not usable: its reply
        would pass for that of the next request.

        Raises:
            EngineError: the child was stopped or died, or did not answer in time (code
                STAGE_TIMEOUT).
        """
        child = self._running()
        child.pipes.send(frame_of(kind, body))
        return await self._reply(child, timeout_ms / 1000)

    async def stop(self) -> None:
        """Kill the child, if it runs, and wait until all of it is gone."""
        if self._child is None:
            return
        self._child.process.kill()
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            await self._child.pipes.close()
        self._child.process.wait()  # returns at once: the child has closed its output
        self._child = None

    def _running(self) -> "_Child":
        if self._child is None:
            raise EngineError(self._stage, "the process of the stage is stopped")
        return self._child

    async def _reply(self, child: "_Child", timeout_s: float) -> bytes:
        try:
            async with asyncio.timeout(timeout_s):
                return await child.pipes.reply
        except TimeoutError:
            raise EngineError(
                self._stage, "the process of the stage did not answer", code=Code.STAGE_TIMEOUT
            ) from None
        finally:
            if not child.pipes.is_idle:
                child.process.kill()


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a process in a millisecond, without the loop.

    uvloop would fork: the child would inherit the sockets of gRPC, and crash once in a while in the
    handlers that gRPC has for forks.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Ctrl-C in a terminal goes to its whole process group: only the service ends the child.
        start_new_session=True,
    )


class _Pipes(asyncio.Protocol):
    """The pipes of one child; at most one request is under way, so the buffers stay small."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._frames = FrameReader()
        self._input: asyncio.WriteTransport | None = None
        self._closed = asyncio.Event()
        self._lost = False
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    @property
    def is_idle(self) -> bool:
        return not self._lost and self.reply.done() and not self.reply.cancelled()

    async def connect(self, process: subprocess.Popen[bytes]) -> None:
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: self, process.stdout)
        self._input, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)

    def send(self, frame: bytes) -> None:
        self.reply = asyncio.get_running_loop().create_future()
        if self._lost or self._input is None:
            self._fail()
        else:
            self._input.write(frame)

    async def close(self) -> None:
        """Wait until the killed child is gone, if its pipes are connected."""
        if self._input is not None:
            await self._closed.wait()
            self._input.close()

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._frames.feed(data)
        except ValueError:
            self._fail()
            return
        for _, body in frames:
            if not self.reply.done():
                self.reply.set_result(body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()
        self._fail()

    def _fail(self) -> None:
        self._lost = True
        if not self.reply.done():
            self.reply.set_exception(EngineError(self._stage, "the process of the stage died"))
            # The death of an idle child shows at its next use.
            self.reply.exception()


@dataclass(frozen=True, slots=True)
class _Child:
    """A child that was started, and its pipes."""

    process: subprocess.Popen[bytes]
    pipes: _Pipes
