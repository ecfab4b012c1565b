"""The service as a process of its own, on a port that stays: it can be killed and started again."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.command import running_command

PATIENCE_S = 60.0


class MortalService:
    """A service process that is started, killed without warning, and started again.

    Args:
        folder: where it runs.
        environment: its settings.
    """

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.address = f"127.0.0.1:{_free_port()}"
        self._folder = folder
        self._environment = {"CEDAR_GRPC_ADDRESS": self.address, **environment}
        self._life = AsyncExitStack()
        self._process: Any = None

    async def start(self) -> None:
        """Start it and wait until it serves."""
        self._process = await self._life.enter_async_context(
            running_command("service", cwd=self._folder, environment=self._environment)
        )
        async with asyncio.timeout(PATIENCE_S):
            while b"Ctrl-C" not in await self._process.stdout.readline():
                assert self._process.returncode is None

    async def kill(self) -> None:
        """Kill it with SIGKILL: it has no last word."""
        self._process.kill()
        await self._life.aclose()
        self._life = AsyncExitStack()

    async def close(self) -> None:
        """End it."""
        await self._life.aclose()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@asynccontextmanager
async def mortal_service(folder: Path, **settings: str) -> AsyncIterator[MortalService]:
    """A running service on embedded engines."""
    engines = {f"CEDAR_{stage}_ENGINE": "local" for stage in ("STT", "LLM", "TTS")}
    service = MortalService(folder, {**engines, "CEDAR_LOCAL_STT_WORKERS": "1", **settings})
    await service.start()
    try:
        yield service
    finally:
        await service.close()
