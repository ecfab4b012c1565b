"""One browser socket joined to one stream: real sockets, real gRPC, a scripted service."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import aiohttp
import grpc
import pytest

import cedar_voice.v1 as pb
from tests.support.bridge import PATIENCE_S, Bridge, bridging
from tests.support.scripted_service import Conversation, ScriptedService, ready, serving

RECORDING = base64.b64encode(b"x" * 3_000).decode()


@pytest.fixture
def service() -> ScriptedService:
    """The service behind the bridge."""
    return ScriptedService()


@pytest.fixture
async def bridge(service: ScriptedService) -> AsyncIterator[Bridge]:
    """An open bridge."""
    async with serving(service) as address, bridging(address) as running:
        yield running


@pytest.fixture
async def guarded(service: ScriptedService) -> AsyncIterator[Bridge]:
    """A bridge that wants a token."""
    guards = {"auth_tokens": ("key", "other"), "auth_timeout_ms": 300}
    async with serving(service) as address, bridging(address, **guards) as running:
        yield running


# -- a conversation ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/voice/ws", "/api/chat/voice/ws"])
async def test_a_spoken_turn(bridge: Bridge, service: ScriptedService, path: str) -> None:
    async with bridge.connect("?sessionId=my-session", path=path) as socket:
        assert await socket.hear() == {"type": "connected", "sessionId": "my-session"}
        await socket.say(type="config", settings={"language": "en-GB"}, context={"page": "inbox"})
        await socket.say(type="audio_chunk", data=RECORDING, timestamp=1)
        await socket.say(type="stop_listening")
        await socket.hear_until("turn_metrics")
    assert socket.kinds == [
        "connected",
        "ready",
        "ready",
        "transcription_partial",
        "transcription_final",
        "response_start",
        "response_chunk",
        "audio_chunk",
        "audio_chunk",
        "audio_complete",
        "response_complete",
        "turn_metrics",
    ]
    opening, patch, audio, _ = service.conversations[0].requests
    assert opening.config.session_id == "my-session"
    assert patch.config.settings.language == "en-GB"
    assert json.loads(patch.config.context_json) == {"page": "inbox"}
    assert audio.audio.data == b"x" * 3_000


@pytest.mark.parametrize(
    ("query", "length"),
    [("", 36), ("?sessionId=", 36), ("?sessionId=no%20name", 64), ("?sessionId=" + "x" * 65, 64)],
)
async def test_a_session_without_a_good_name_gets_one(
    bridge: Bridge, service: ScriptedService, query: str, length: int
) -> None:
    async with bridge.connect(query) as socket:
        named = (await socket.hear())["sessionId"]
        await socket.hear_until("ready")
    assert len(named) == length
    assert service.conversations[0].requests[0].config.session_id == named


async def test_a_session_waits_for_its_browser_and_then_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cedar_voice_bridge.sessions.shared_session.OPENING_S", 0.05)
    monkeypatch.setattr("cedar_voice_bridge.sessions.shared_session.CHECK_S", 0.05)
    ended = asyncio.Event()

    async def wait_a_little(talk: Conversation) -> None:
        request = await talk.hear()
        assert request is not None
        opening = ready(request.config)
        opening.limits.resume_window_ms = 300
        await talk.say(is_numbered=False, ready=opening)
        while (request := await talk.hear()) is not None:
            if request.control.HasField("end_session"):
                ended.set()

    async with serving(ScriptedService(wait_a_little)) as address, bridging(address) as bridge:
        for is_known in (False, True):
            async with bridge.connect("?sessionId=mine") as socket:
                assert (await socket.hear_until("ready"))["resumed"] is is_known
                assert not ended.is_set()
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code", "field"),
    [
        ("nope", "invalid_message", None),
        ('{"type":"shout"}', "invalid_message", "type"),
        ('{"type":"audio_chunk","data":"?"}', "invalid_message", "data"),
        ('{"type":"config","settings":{"rate":"fast"}}', "invalid_config", "settings.rate"),
        (b"\x00\x01", "invalid_message", None),
        (f'{{"type":"text","text":"{"x" * 2_000}"}}', "message_too_large", None),
        (f'{{"type":"text","text":"{"ä" * 600}"}}', "message_too_large", None),
    ],
    ids=["json", "type", "base64", "config", "binary", "size", "size in utf-8"],
)
async def test_a_bad_frame_is_answered_and_costs_nothing(
    service: ScriptedService, frame: str | bytes, code: str, field: str | None
) -> None:
    async with (
        serving(service) as address,
        bridging(address, max_frame_bytes=1_100) as bridge,
        bridge.connect() as socket,
    ):
        await socket.hear_until("ready")
        send = socket.socket.send_bytes if isinstance(frame, bytes) else socket.socket.send_str
        await send(frame)  # type: ignore[arg-type] # the one that fits
        error = await socket.hear()
        assert (error["type"], error["code"], error.get("field")) == ("error", code, field)
        assert error["message"]
        await socket.say(type="text", text="still there?")
        assert (await socket.hear_until("response_complete"))["text"] == "You said still there?"


async def test_a_frame_far_beyond_the_limit_is_not_read(service: ScriptedService) -> None:
    async with (
        serving(service) as address,
        bridging(address, max_frame_bytes=1_100) as bridge,
        bridge.connect() as socket,
    ):
        await socket.hear_until("ready")
        await socket.say(type="text", text="x" * 5_000)
        assert await socket.closing() == 1009


async def test_what_the_service_refuses_is_told(service: ScriptedService) -> None:
    async def refuse(talk: Conversation) -> None:
        await talk.open()
        while await talk.hear() is not None:
            error = pb.Error(code=pb.ERROR_CODE_AUDIO_DECODE_FAILED, message="garbage")
            await talk.say(error=error)

    async with (
        serving(ScriptedService(refuse)) as address,
        bridging(address) as bridge,
        bridge.connect() as socket,
    ):
        for _ in range(2):
            await socket.say(type="audio_chunk", data=RECORDING)
            assert (await socket.hear_until("error"))["code"] == "audio_decode_failed"


# -- admission -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?token=key", {}), ("", {"Authorization": "Bearer other"})],
    ids=["query", "header"],
)
async def test_a_good_token_is_let_in_and_passed_on(
    guarded: Bridge, service: ScriptedService, query: str, headers: dict[str, str]
) -> None:
    async with guarded.connect(query, headers=headers) as socket:
        assert (await socket.hear())["type"] == "connected"
        await socket.hear_until("ready")
    expected = headers.get("Authorization", "Bearer key")
    assert [metadata["authorization"] for metadata in service.metadata] == [expected]


async def test_a_token_may_come_by_the_first_frame(
    guarded: Bridge, service: ScriptedService
) -> None:
    async with guarded.connect() as socket:
        await socket.say(type="config", settings={})
        assert (await socket.hear())["code"] == "unauthenticated"
        await socket.socket.send_str("nope")
        assert (await socket.hear())["code"] == "invalid_message"
        await socket.say(type="auth", token="key", userId="user-1")
        assert (await socket.hear())["type"] == "connected"
        await socket.hear_until("ready")
    assert [metadata["authorization"] for metadata in service.metadata] == ["Bearer key"]


@pytest.mark.parametrize("query", ["?token=wrong", ""], ids=["wrong", "none in time"])
async def test_without_a_good_token_the_socket_is_closed(
    guarded: Bridge, service: ScriptedService, query: str
) -> None:
    async with guarded.connect(query) as socket:
        assert await socket.closing() == 1008
    assert not socket.heard
    assert not service.conversations


async def test_a_wrong_token_by_frame_closes_the_socket(guarded: Bridge) -> None:
    async with guarded.connect() as socket:
        await socket.say(type="auth", token="wrong")
        assert await socket.closing() == 1008


async def test_an_open_bridge_takes_auth_without_a_word(bridge: Bridge) -> None:
    async with bridge.connect() as socket:
        await socket.say(type="auth", token="any", userId=None)
        await socket.say(type="text", text="hello")
        await socket.hear_until("turn_metrics")
    assert "error" not in socket.kinds


async def test_the_services_own_refusal_of_a_token_closes_alike() -> None:
    async def refuse(talk: Conversation) -> None:
        error = pb.Error(code=pb.ERROR_CODE_UNAUTHENTICATED, message="no")
        await talk.fail(grpc.StatusCode.UNAUTHENTICATED, error)

    async with (
        serving(ScriptedService(refuse)) as address,
        bridging(address) as bridge,
        bridge.connect("?token=stale") as socket,
    ):
        assert await socket.closing() == 1008


@pytest.mark.parametrize("path", ["/api/voice/ws", "/api/chat/voice/ws", "/"])
async def test_a_foreign_page_may_not_connect(bridge: Bridge, path: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with bridge.connect(path=path, origin="https://evil.example"):
            pass
    assert caught.value.status == 403
    async with bridge.connect(path=path, origin=bridge.url) as socket:
        await socket.say(type="text", text="hello")
        await socket.hear_until("response_chunk")
