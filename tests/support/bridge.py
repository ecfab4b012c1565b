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
"""Longest wait for an expected frame, in seconds."""


class Socket:
    """A browser's socket, with frames as JSON."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []

    @property
    def kinds(self) -> list[str]:
        """Types of the frames received so far."""
        return [frame["type"] for frame in self.heard]

    async def say(self, **frame: Any) -> None:
        """Send one frame."""
        await self.socket.send_str(json.dumps(frame))

    async def hear(self) -> dict[str, Any]:
        """Return the next frame."""
        async with asyncio.timeout(PATIENCE_S):
            frame: dict[str, Any] = json.loads(await self.socket.receive_str())
        self.heard.append(frame)
        return frame

    async def hear_until(self, kind: str) -> dict[str, Any]:
        """Return the next frame of a type; earlier ones are in `heard`."""
        while (frame := await self.hear())["type"] != kind:
            pass
        return frame

    async def closing(self) -> int:
        """Wait for the end of the socket, and return its close code."""
        async with asyncio.timeout(PATIENCE_S):
            while (message := await self.socket.receive()).type is aiohttp.WSMsgType.TEXT:
                self.heard.append(json.loads(message.data))
        assert self.socket.close_code is not None
        return self.socket.close_code


class Bridge:
    """A running bridge and its addresses."""

    def __init__(self, address: str, http: aiohttp.ClientSession) -> None:
        self.address = address
        self.url = f"http://{address}"
        self.http = http

    @asynccontextmanager
    async def connect(
        self, query: str = "", *, path: str = "/api/voice/ws", **options: Any
    ) -> AsyncIterator[Socket]:
        """Open a socket for the duration of the context."""
        async with self.http.ws_connect(f"{self.url}{path}{query}", **options) as socket:
            yield Socket(socket)


@asynccontextmanager
async def bridging(grpc_address: str, **settings: Any) -> AsyncIterator[Bridge]:
    """Run a bridge to the service at this address."""
    configured = BridgeSettings(
        **{"http_address": "127.0.0.1:0", "grpc_address": grpc_address, **settings}
    )
    async with open_bridge(configured) as address, aiohttp.ClientSession() as http:
        yield Bridge(address, http)
