"""Service and bridge as processes of their own, on ports that stay: killed, and started again."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.bridge import Bridge
from tests.support.command import running_command

PATIENCE_S = 60.0


class MortalProcess:
    """A process that is started, killed without warning, and started again.

    Args:
        verb: what the command is told to run.
        folder: where it runs.
        environment: its settings.
    """

    def __init__(self, verb: str, folder: Path, environment: dict[str, str]) -> None:
        self.address = f"127.0.0.1:{_free_port()}"
        name = {"service": "CEDAR_GRPC_ADDRESS", "bridge": "CEDAR_HTTP_ADDRESS"}[verb]
        self._verb = verb
        self._folder = folder
        self._environment = {name: self.address, **environment}
        self._life = AsyncExitStack()
        self._process: Any = None

    async def start(self) -> None:
        """Start it and wait until it serves."""
        self._process = await self._life.enter_async_context(
            running_command(self._verb, cwd=self._folder, environment=self._environment)
        )
        async with asyncio.timeout(PATIENCE_S):
            while b"Ctrl-C" not in await self._process.stdout.readline():
                assert self._process.returncode is None

    async def kill(self) -> None:
        """Kill it with SIGKILL, without a chance to clean up."""
        self._process.kill()
        await self._life.aclose()
        self._life = AsyncExitStack()

    async def close(self) -> None:
        """End it."""
        await self._life.aclose()


class MortalService(MortalProcess):
    """The service."""


class MortalBridge(MortalProcess, Bridge):
    """The bridge as a process of its own."""

    def __init__(
        self, folder: Path, environment: dict[str, str], http: aiohttp.ClientSession
    ) -> None:
        MortalProcess.__init__(self, "bridge", folder, environment)
        Bridge.__init__(self, self.address, http)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@asynccontextmanager
async def mortal_service(folder: Path, **settings: str) -> AsyncIterator[MortalService]:
    """A running service on embedded engines."""
    engines = {f"CEDAR_{stage}_ENGINE": "local" for stage in ("STT", "LLM", "TTS")}
    environment = {**engines, "CEDAR_LOCAL_STT_WORKERS": "1", **settings}
    service = MortalService("service", folder, environment)
    await service.start()
    try:
        yield service
    finally:
        await service.close()


@asynccontextmanager
async def mortal_bridge(folder: Path, grpc_address: str) -> AsyncIterator[MortalBridge]:
    """A running bridge to the service at this address."""
    async with aiohttp.ClientSession() as http:
        bridge = MortalBridge(folder, {"CEDAR_GRPC_ADDRESS": grpc_address}, http)
        await bridge.start()
        try:
            yield bridge
        finally:
            await bridge.close()
