"""A dialect is a folder and one registration: the sample dialect beside this test."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from cedar_voice_bridge.app import open_bridge
from cedar_voice_bridge.dialects.registry import DIALECTS
from cedar_voice_bridge.settings import BridgeSettings
from tests.bridge.sample_dialect.dialect import SAMPLE
from tests.support.bridge import Bridge
from tests.support.http_clients import form, post
from tests.support.scripted_service import ScriptedService, serving

REGISTERED = (*DIALECTS, SAMPLE)


@pytest.fixture
async def bridge() -> AsyncIterator[Bridge]:
    """A bridge with the sample dialect, before a scripted service."""
    async with serving(ScriptedService()) as grpc_address:
        settings = BridgeSettings(http_address="127.0.0.1:0", grpc_address=grpc_address)
        async with (
            open_bridge(settings, dialects=REGISTERED) as address,
            aiohttp.ClientSession() as http,
        ):
            yield Bridge(address, http)


async def document(bridge: Bridge, name: str) -> Any:
    """A document that the bridge serves."""
    async with bridge.http.get(f"{bridge.url}/{name}.json") as answer:
        return await answer.json()


async def test_a_registered_dialect_speaks_over_its_socket(bridge: Bridge) -> None:
    async with bridge.connect("?sessionId=one", path="/api/voice/sample") as socket:
        await socket.say(type="line", text="hello")
        assert await socket.hear() == {"type": "reply", "text": "You said hello"}
        assert await socket.hear() == {"type": "over"}
        await socket.say(type="shout")
        assert await socket.hear() == {"type": "problem", "message": "type: is not known"}


async def test_a_registered_dialect_shares_sessions_with_the_others(bridge: Bridge) -> None:
    async with (
        bridge.connect("?sessionId=one", path="/api/voice/sample") as sample,
        bridge.connect("?sessionId=one") as cedar,
    ):
        await cedar.hear_until("ready")
        posted = form(line="posted", sessionId="one")
        assert await post(bridge, "/api/voice/sample/lines", posted) == (200, {"turn_id": 1})
        assert await sample.hear() == {"type": "reply", "text": "You said posted"}
        assert (await cedar.hear_until("response_complete"))["text"] == "You said posted"


async def test_a_registered_dialect_is_described(bridge: Bridge) -> None:
    asyncapi, openapi = await document(bridge, "asyncapi"), await document(bridge, "openapi")
    assert "api_voice_sample" in asyncapi["channels"]
    for operation in ("api_voice_sample_send", "api_voice_sample_receive"):
        assert operation in asyncapi["operations"]
    for base in BridgeSettings().base_paths:
        assert "post" in openapi["paths"][f"{base}/sample/lines"]
    assert "Posted" in openapi["components"]["schemas"]


async def test_a_request_of_a_registered_dialect_has_a_preflight(bridge: Bridge) -> None:
    url = f"{bridge.url}/api/voice/sample/lines"
    async with bridge.http.options(url, headers={"Origin": bridge.url}) as answer:
        assert answer.status == 204
