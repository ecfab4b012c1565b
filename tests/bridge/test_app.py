"""The bridge as a whole: what it serves, and how it starts and stops."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from cedar_voice_bridge.app import serve
from cedar_voice_bridge.settings import BridgeSettings
from tests.support.bridge import PATIENCE_S, Bridge, Socket, bridging
from tests.support.scripted_service import ScriptedService, serving

NOWHERE = "127.0.0.1:1"


@pytest.fixture
async def bridge() -> AsyncIterator[Bridge]:
    """A bridge whose service is away."""
    async with bridging(NOWHERE) as running:
        yield running


async def test_it_is_healthy_without_its_service(bridge: Bridge) -> None:
    async with bridge.http.get(f"{bridge.url}/healthz") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_it_is_ready_with_its_service() -> None:
    async with (
        serving(ScriptedService()) as address,
        bridging(address) as bridge,
        bridge.http.get(f"{bridge.url}/readyz") as answer,
    ):
        assert (answer.status, await answer.text()) == (200, "ready\n")


async def test_it_is_not_ready_without_its_service(bridge: Bridge) -> None:
    async with bridge.http.get(f"{bridge.url}/readyz") as answer:
        assert answer.status == 503


async def test_a_plain_request_for_the_socket_is_refused(bridge: Bridge) -> None:
    async with bridge.http.get(f"{bridge.url}/api/voice/ws") as answer:
        assert answer.status == 400


async def test_base_paths_are_configured() -> None:
    async with bridging(NOWHERE, base_paths=("/voice",)) as bridge:
        async with bridge.connect(path="/voice/ws") as socket:
            assert (await socket.hear())["type"] == "connected"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with bridge.connect():
                pass
        for method, path in (("POST", ""), ("POST", "/stream"), ("GET", "/stream-response")):
            for base, is_served in (("/voice", True), ("/api/voice", False)):
                async with bridge.http.request(method, bridge.url + base + path) as answer:
                    assert (answer.status != 404) is is_served


async def test_it_serves_until_cancelled_and_says_that_it_stops() -> None:
    started = asyncio.get_running_loop().create_future()
    async with (
        serving(ScriptedService()) as grpc_address,
        aiohttp.ClientSession() as http,
        asyncio.timeout(PATIENCE_S),
        asyncio.TaskGroup() as group,
    ):
        settings = BridgeSettings(http_address="127.0.0.1:0", grpc_address=grpc_address)
        running = group.create_task(serve(settings, ready=started.set_result))
        address = await started
        async with http.ws_connect(f"http://{address}/api/voice/ws") as raw:
            socket = Socket(raw)
            await socket.hear_until("ready")
            running.cancel()
            assert await socket.closing() == 1001


async def test_an_address_in_use_is_an_error(bridge: Bridge) -> None:
    with pytest.raises(OSError):
        await serve(BridgeSettings(http_address=bridge.address, grpc_address=NOWHERE))
