"""The end of a socket whose service or browser goes away or stalls."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import aiohttp
import grpc
from aiohttp import web
from aiohttp.test_utils import TestServer

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.gate import Gate
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.dialects.cedar_websocket.translator import CedarWebSocketTranslator
from cedar_voice_bridge.endpoints.websocket import WebSocketEndpoint
from cedar_voice_bridge.http.origins import OriginPolicy
from cedar_voice_bridge.sessions.event_log import EventLog, ReaderKind
from cedar_voice_bridge.sessions.hub import Hub
from cedar_voice_bridge.sessions.service_session import ServiceSession, ServiceSessions
from cedar_voice_bridge.sessions.shared_session import SharedSession
from cedar_voice_bridge.sessions.upstream import Upstream
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_client import ErrorCode, Unavailable, VoiceClient
from cedar_voice_shared.credentials import Verifier
from tests.support.bridge import Socket, bridging
from tests.support.scripted_service import Conversation, ScriptedService, serving


async def test_a_service_that_is_away() -> None:
    async with serving(ScriptedService()) as address:
        pass
    async with bridging(address) as bridge, bridge.connect() as socket:
        assert await socket.closing() == 1013
    assert socket.kinds == ["connected", "error"]
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


async def test_a_service_that_breaks_in_the_middle_of_an_answer_and_does_not_mend() -> None:
    has_answered = False

    async def break_off(talk: Conversation) -> None:
        nonlocal has_answered
        if not has_answered:
            has_answered = True
            await talk.open()
            started = pb.ResponseEvent(response_id=1, started=pb.ResponseStarted())
            await talk.say(turn_id=1, response=started)
        error = pb.Error(code=pb.ERROR_CODE_UNAVAILABLE, message="going", retryable=True)
        await talk.fail(grpc.StatusCode.UNAVAILABLE, error)

    async with (
        serving(ScriptedService(break_off)) as address,
        bridging(address, service_outage_ms=500) as bridge,
        bridge.connect() as socket,
    ):
        assert await socket.closing() == 1012
    assert socket.kinds[-3:] == ["response_start", "audio_complete", "error"]


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
    assert socket.kinds.count("error") == 1


async def test_a_service_that_closes_without_a_word() -> None:
    async with (
        serving(ScriptedService(Conversation.open)) as address,
        bridging(address) as bridge,
        bridge.connect() as socket,
    ):
        assert await socket.closing() == 1012
    assert socket.kinds == ["connected", "ready", "error"]


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


class DyingSession:
    """A session whose service takes nothing more, and still has something to say."""

    opening = pb.VoiceSessionResponse(ready=pb.SessionReady(session_id="dying"))

    def __init__(self) -> None:
        self._was_refused = asyncio.Event()
        self._last_words = ["one", "two", "three"]

    async def send(self, _: pb.VoiceSessionRequest) -> None:
        """Refuse."""
        self._was_refused.set()
        raise Unavailable("gone", code=ErrorCode.UNAVAILABLE)

    async def receive(self) -> pb.VoiceSessionResponse:
        """One of the last words, then the end."""
        await self._was_refused.wait()
        await asyncio.sleep(0)
        if not self._last_words:
            raise Unavailable("gone", code=ErrorCode.UNAVAILABLE)
        said = pb.Transcription(text=self._last_words.pop(0))
        return pb.VoiceSessionResponse(transcription=said)


class DyingSessions(ServiceSessions):
    """Opens nothing but sessions that die."""

    @asynccontextmanager
    async def open(
        self, config: pb.SessionConfig, caller: Caller, **_: object
    ) -> AsyncIterator[ServiceSession]:
        yield cast(ServiceSession, DyingSession())


def a_conversation(session_id: str, caller: Caller) -> SharedSession:
    """One that opens with nothing."""
    history: EventLog[pb.VoiceSessionResponse] = EventLog(1 << 20, pb.VoiceSessionResponse.ByteSize)
    return SharedSession(pb.SessionConfig(), caller, history, Upstream(send_timeout_s=1))


async def test_the_last_words_of_a_service_are_passed_on() -> None:
    async with VoiceClient() as client, aiohttp.ClientSession() as http:
        sessions = DyingSessions(client, open_timeout_s=1)
        settings = BridgeSettings()
        gate = Gate(OriginPolicy(()), Verifier(settings), settings.access)
        hub = Hub(sessions, a_conversation)
        endpoint = WebSocketEndpoint(
            settings.browsers, gate, hub, CedarWebSocketTranslator, ReaderKind("cedar")
        )
        app = web.Application()
        app.add_routes([web.get("/ws", endpoint.handle)])
        async with hub, TestServer(app) as server, http.ws_connect(server.make_url("/ws")) as raw:
            socket = Socket(raw)
            await socket.say(type="text", text="are you there?")
            assert await socket.closing() == 1012
    said = [frame.get("text", frame["type"]) for frame in socket.heard]
    assert said == ["connected", "ready", "one", "two", "three", "error"]
