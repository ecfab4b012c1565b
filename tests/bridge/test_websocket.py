"""One browser socket joined to one stream: real sockets, real gRPC, a scripted service."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import aiohttp
import grpc
import pytest

import cedar_voice.v1 as pb
from tests.support.bridge import PATIENCE_S, Bridge, Socket, bridging
from tests.support.scripted_service import Conversation, ScriptedService, serving

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


def kinds(socket: Socket) -> list[str]:
    """The types of the frames that were heard."""
    return [frame["type"] for frame in socket.heard]


# -- a conversation ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/voice/ws", "/api/chat/voice/ws"])
async def test_a_spoken_turn(bridge: Bridge, service: ScriptedService, path: str) -> None:
    async with bridge.connect("?sessionId=my-session", path=path) as socket:
        assert await socket.hear() == {"type": "connected", "sessionId": "my-session"}
        await socket.say(type="config", settings={"language": "en-GB"}, context={"page": "inbox"})
        await socket.say(type="audio_chunk", data=RECORDING, timestamp=1)
        await socket.say(type="stop_listening")
        await socket.hear_until("turn_metrics")
    assert kinds(socket) == [
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
    "query", ["", "?sessionId=", "?sessionId=no%20name", "?sessionId=" + "x" * 65]
)
async def test_a_session_without_a_good_name_gets_one(
    bridge: Bridge, service: ScriptedService, query: str
) -> None:
    async with bridge.connect(query) as socket:
        named = (await socket.hear())["sessionId"]
        await socket.hear_until("ready")
    assert len(named) == 36
    assert service.conversations[0].requests[0].config.session_id == named


async def test_a_browser_that_leaves_ends_the_stream() -> None:
    ended = asyncio.Event()

    async def listen(talk: Conversation) -> None:
        await talk.open()
        while await talk.hear() is not None:
            pass
        ended.set()

    async with serving(ScriptedService(listen)) as address, bridging(address) as bridge:
        async with bridge.connect() as socket:
            await socket.hear_until("ready")
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
    assert "error" not in kinds(socket)


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


async def test_a_foreign_page_may_not_connect(bridge: Bridge) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with bridge.connect(origin="https://evil.example"):
            pass
    assert caught.value.status == 403
    async with bridge.connect(origin=bridge.url) as socket:
        await socket.hear_until("ready")


# -- the service goes, comes back, or stalls -----------------------------------------------------


async def test_a_service_that_is_away() -> None:
    async with serving(ScriptedService()) as address:
        pass
    async with bridging(address) as bridge, bridge.connect() as socket:
        assert await socket.closing() == 1013
    assert kinds(socket) == ["connected", "error"]
    error = socket.heard[-1]
    assert (error["code"], error["retryable"], error["fatal"]) == ("unavailable", True, True)
    assert address not in error["message"]


async def test_a_service_without_room() -> None:
    async def refuse(talk: Conversation) -> None:
        error = pb.Error(
            code=pb.ERROR_CODE_OVERLOADED, message="full", retryable=True, retry_after_ms=2_000
        )
        await talk.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, error)

    async with (
        serving(ScriptedService(refuse)) as address,
        bridging(address) as bridge,
        bridge.connect() as socket,
    ):
        assert await socket.closing() == 1013
    assert socket.heard[-1]["code"] == "overloaded"
    assert socket.heard[-1]["retryAfterMs"] == 2_000


async def test_a_service_that_never_answers() -> None:
    async def stay_silent(talk: Conversation) -> None:
        while await talk.hear() is not None:
            pass

    async with (
        serving(ScriptedService(stay_silent)) as address,
        bridging(address, open_timeout_ms=200) as bridge,
        bridge.connect() as socket,
    ):
        assert await socket.closing() == 1013
    assert socket.heard[-1]["code"] == "unavailable"


async def test_a_service_that_breaks_in_the_middle_of_an_answer() -> None:
    async def break_off(talk: Conversation) -> None:
        await talk.open()
        started = pb.ResponseEvent(response_id=1, started=pb.ResponseStarted())
        await talk.say(turn_id=1, response=started)
        error = pb.Error(code=pb.ERROR_CODE_UNAVAILABLE, message="going", retryable=True)
        await talk.fail(grpc.StatusCode.UNAVAILABLE, error)

    async with (
        serving(ScriptedService(break_off)) as address,
        bridging(address) as bridge,
        bridge.connect() as socket,
    ):
        assert await socket.closing() == 1012
    assert kinds(socket)[-3:] == ["response_start", "audio_complete", "error"]


async def test_a_fatal_error_is_told_once() -> None:
    async def fail(talk: Conversation) -> None:
        await talk.open()
        error = pb.Error(code=pb.ERROR_CODE_SESSION_TAKEN_OVER, message="moved", fatal=True)
        await talk.say(error=error)
        await talk.fail(grpc.StatusCode.ABORTED, error)

    async with (
        serving(ScriptedService(fail)) as address,
        bridging(address) as bridge,
        bridge.connect() as socket,
    ):
        assert await socket.closing() == 4409
    assert kinds(socket).count("error") == 1


async def test_a_service_that_closes_without_a_word() -> None:
    async with (
        serving(ScriptedService(Conversation.open)) as address,
        bridging(address) as bridge,
        bridge.connect() as socket,
    ):
        assert await socket.closing() == 1012
    assert kinds(socket) == ["connected", "ready", "error"]


async def test_a_browser_that_does_not_read_is_dropped() -> None:
    said, dropped = 0, asyncio.Event()

    async def flood(talk: Conversation) -> None:
        nonlocal said
        await talk.open()
        try:
            while True:
                await talk.say(audio=pb.OutputAudio(response_id=1, data=b"x" * 60_000))
                said += 1
        finally:
            dropped.set()

    async with (
        serving(ScriptedService(flood)) as address,
        bridging(address, send_timeout_ms=300) as bridge,
        bridge.connect(),
    ):
        async with asyncio.timeout(PATIENCE_S):
            await dropped.wait()
    assert said * 60_000 < 16 << 20


async def test_a_browser_that_says_too_much_waits_for_the_service() -> None:
    async def hear_nothing(talk: Conversation) -> None:
        await talk.open()
        await asyncio.get_running_loop().create_future()

    async with (
        serving(ScriptedService(hear_nothing)) as address,
        bridging(address, send_timeout_ms=300) as bridge,
        bridge.connect() as socket,
    ):
        await socket.hear_until("ready")
        loud = base64.b64encode(b"x" * 500_000).decode()
        for _ in range(20):
            await socket.say(type="audio_chunk", data=loud)
        assert await socket.closing() == 1012
    assert socket.heard[-1]["code"] == "unavailable"


# -- coming back ---------------------------------------------------------------------------------


class Registry:
    """Sessions by name, as the service keeps them: resumable by token, one holder of a name."""

    def __init__(self) -> None:
        self.opened: list[pb.SessionConfig] = []
        self.names: set[str] = set()

    async def talk(self, talk: Conversation) -> None:
        """The script of one stream."""
        request = await talk.hear()
        assert request is not None
        config = request.config
        self.opened.append(config)
        token = config.resume.resume_token
        if config.HasField("resume") and token.removeprefix("of ") not in self.names:
            error = pb.Error(code=pb.ERROR_CODE_SESSION_NOT_FOUND, message="gone")
            await talk.fail(grpc.StatusCode.NOT_FOUND, error)
        if config.session_id in self.names:
            error = pb.Error(code=pb.ERROR_CODE_SESSION_ID_IN_USE, message="held")
            await talk.fail(grpc.StatusCode.ALREADY_EXISTS, error)
        name = token.removeprefix("of ") or config.session_id or "unnamed"
        self.names.add(name)
        ready = pb.SessionReady(session_id=name, resume_token=f"of {name}", resumed=bool(token))
        await talk.say(is_numbered=False, ready=ready)
        for text in ("one", "two"):
            await talk.say(transcription=pb.Transcription(text=text))
        while await talk.hear() is not None:
            pass


async def opened(bridge: Bridge, query: str = "?sessionId=mine") -> dict[str, object]:
    """The `ready` of a socket that hears a little and leaves."""
    async with bridge.connect(query) as socket:
        ready = await socket.hear_until("ready")
        for _ in range(2):
            await socket.hear_until("transcription_partial")
    return ready


async def test_a_browser_that_comes_back_gets_its_session() -> None:
    registry = Registry()
    async with serving(ScriptedService(registry.talk)) as address, bridging(address) as bridge:
        assert not (await opened(bridge))["resumed"]
        assert (await opened(bridge))["resumed"]
    resume = registry.opened[1].resume
    assert (resume.resume_token, resume.last_received_sequence) == ("of mine", 2)


async def test_a_session_that_has_gone_begins_anew() -> None:
    registry = Registry()
    async with serving(ScriptedService(registry.talk)) as address, bridging(address) as bridge:
        await opened(bridge)
        registry.names.clear()
        ready = await opened(bridge)
    assert (ready["sessionId"], ready["resumed"]) == ("mine", False)


async def test_a_name_that_somebody_else_holds_is_not_refused() -> None:
    registry = Registry()
    registry.names.add("mine")
    async with serving(ScriptedService(registry.talk)) as address, bridging(address) as bridge:
        ready = await opened(bridge)
        assert (ready["sessionId"], ready["resumed"]) == ("unnamed", False)
        assert (await opened(bridge))["resumed"]


async def test_a_session_belongs_to_its_token() -> None:
    registry = Registry()
    async with serving(ScriptedService(registry.talk)) as address, bridging(address) as bridge:
        await opened(bridge, "?sessionId=mine&token=one")
        ready = await opened(bridge, "?sessionId=mine&token=two")
    assert (ready["sessionId"], ready["resumed"]) == ("unnamed", False)
