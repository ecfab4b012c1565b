"""The real bridge inside a test, and a browser's socket to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from cedar_voice_bridge.app import open_bridge
from cedar_voice_bridge.settings import BridgeSettings

PATIENCE_S = 10.0
"""How long a test waits for what must come."""


class Socket:
    """A browser's socket: what it says and hears, as JSON."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []

    @property
    def kinds(self) -> list[str]:
        """The types of the frames that were heard."""
        return [frame["type"] for frame in self.heard]

    async def say(self, **frame: Any) -> None:
        """Send one frame."""
        await self.socket.send_str(json.dumps(frame))

    async def hear(self) -> dict[str, Any]:
        """The next frame."""
        async with asyncio.timeout(PATIENCE_S):
            frame: dict[str, Any] = json.loads(await self.socket.receive_str())
        self.heard.append(frame)
        return frame

    async def hear_until(self, kind: str) -> dict[str, Any]:
        """The next frame of a type; those before it are in `heard`."""
        while (frame := await self.hear())["type"] != kind:
            pass
        return frame

    async def closing(self) -> int:
        """The code that the bridge closes with, after whatever it still says."""
        async with asyncio.timeout(PATIENCE_S):
            while (message := await self.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                self.heard.append(json.loads(message.data))
        assert self.socket.close_code is not None
        return self.socket.close_code


class Bridge:
    """A running bridge, seen from outside."""

    def __init__(self, address: str, http: aiohttp.ClientSession) -> None:
        self.address = address
        self.url = f"http://{address}"
        self.http = http

    @asynccontextmanager
    async def connect(
        self, query: str = "", *, path: str = "/api/voice/ws", **options: Any
    ) -> AsyncIterator[Socket]:
        """A socket, open for as long as the context lasts."""
        async with self.http.ws_connect(f"{self.url}{path}{query}", **options) as socket:
            yield Socket(socket)


@asynccontextmanager
async def bridging(grpc_address: str, **settings: Any) -> AsyncIterator[Bridge]:
    """A bridge to the service at this address."""
    configured = BridgeSettings(
        **{"http_address": "127.0.0.1:0", "grpc_address": grpc_address, **settings}
    )
    async with open_bridge(configured) as address, aiohttp.ClientSession() as http:
        yield Bridge(address, http)
