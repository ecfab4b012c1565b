"""A session belongs to its user: every entry point refuses every other caller.

Each entry point is tried with the name of an existing session and with an unused name; the two
answers are the same, so that they do not reveal the existence of a session.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from aiohttp import FormData, WSMsgType, WSServerHandshakeError

import cedar_voice.v1 as pb
from cedar_voice_bridge.sessions.service_session import secret_of
from cedar_voice_client import SessionClosed, VoiceClient, VoiceClientError, VoiceStream
from cedar_voice_client.errors import error_from_proto
from cedar_voice_service.server import open_server
from tests.support.bridge import Bridge, Socket, bridging
from tests.support.http_clients import VOICE, form
from tests.support.identities import AUDIENCE, KEY, signed
from tests.support.openai_script import INSTANT, Answer
from tests.support.openai_standin import OpenAIStandin
from tests.support.recordings import speech_path
from tests.support.service import settings_of

TRUST = {"jwt_key": KEY, "jwt_audience": (AUDIENCE,), "jwt_leeway_ms": 0}
WEBM = b"\x1a\x45\xdf\xa3"
EVIL = "https://evil.example"
TAKEN, FREE = "of-ann", "of-nobody"


@dataclass
class World:
    """A service and a bridge, with a session of the user Ann on each."""

    address: str
    client: VoiceClient
    bridge: Bridge
    socket: Socket
    stream: VoiceStream
    resume_token: str


@dataclass(frozen=True)
class Visitor:
    """A caller with other credentials than Ann."""

    token: str | None
    origin: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Headers of a request over HTTP."""
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return authorization | ({"Origin": self.origin} if self.origin else {})


VISITORS = {
    "other user": lambda: Visitor(signed("bob")),
    "no token": lambda: Visitor(None),
    "expired": lambda: Visitor(signed("ann", exp=1)),
    "wrong audience": lambda: Visitor(signed("ann", aud="mail")),
    "wrong origin": lambda: Visitor(signed("ann"), EVIL),
}


@asynccontextmanager
async def living() -> AsyncIterator[World]:
    """Yield a service and a bridge, with the sessions of Ann open."""
    async with (
        OpenAIStandin(answers=(Answer("Yes."),), latencies=INSTANT) as standin,
        open_server(settings_of(standin, **TRUST)) as (address, _),
        bridging(address, **TRUST, auth_timeout_ms=200) as bridge,
        VoiceClient(address) as client,
        client.stream(token=signed("ann")) as stream,
    ):
        opening = await opened(stream, pb.SessionConfig(session_id=TAKEN))
        async with bridge.connect(f"?sessionId={TAKEN}&token={signed('ann')}") as socket:
            await socket.hear_until("ready")
            yield World(address, client, bridge, socket, stream, opening.ready.resume_token)


async def opened(stream: VoiceStream, config: pb.SessionConfig) -> pb.VoiceSessionResponse:
    """Open a session and return the first response; raise if it is an error."""
    with suppress(SessionClosed):  # receiving raises the cause
        await stream.send(pb.VoiceSessionRequest(config=config))
    opening = await stream.receive()
    assert opening is not None
    if opening.HasField("error"):
        raise error_from_proto(opening.error)
    return opening


# -- entry points ----------------------------------------------------------------------------------


async def cedar_socket(world: World, visitor: Visitor, name: str) -> str:
    """Connect to the socket of voice slices."""
    return await socket(world, visitor, name, f"{VOICE}/ws", "ready")


async def streaming_socket(world: World, visitor: Visitor, name: str) -> str:
    """Connect to the socket of streaming clients."""
    return await socket(world, visitor, name, "/", "response_start")


async def socket(world: World, visitor: Visitor, name: str, path: str, kind: str) -> str:
    """Connect to a WebSocket; return its close code, or whether it resumed a session."""
    try:
        async with world.bridge.connect(
            f"?sessionId={name}", path=path, headers=visitor.headers
        ) as raw:
            with suppress(ConnectionError):  # it may be closed already
                await raw.say(type="text", text="hello")
            while (message := await raw.socket.receive(timeout=10)).type is WSMsgType.TEXT:
                frame = json.loads(message.data)
                if frame["type"] == kind:
                    return f"own, resumed {frame.get('resumed', False)}"
            return f"closed {raw.socket.close_code}"
    except WSServerHandshakeError as refusal:
        return f"status {refusal.status}"


async def events(world: World, visitor: Visitor, name: str) -> str:
    """Request the event stream."""
    url = f"{world.bridge.url}{VOICE}/stream-response?sessionId={name}"
    async with world.bridge.http.get(url, headers=visitor.headers) as answer:
        return f"status {answer.status}"


async def posted(world: World, visitor: Visitor, path: str, data: FormData | None) -> str:
    """Post a form and return the status."""
    url = f"{world.bridge.url}{VOICE}{path}"
    async with world.bridge.http.post(url, data=data, headers=visitor.headers) as answer:
        await answer.read()
        return f"status {answer.status}"


async def upload(world: World, visitor: Visitor, name: str) -> str:
    """Post a chunk of a recording."""
    return await posted(world, visitor, "/stream", form(audioChunk=WEBM, sessionId=name))


async def whole(world: World, visitor: Visitor, name: str) -> str:
    """Post a recording, for an answer as a whole."""
    return await posted(world, visitor, "", form(audio=speech_path().read_bytes(), sessionId=name))


async def streamed(world: World, visitor: Visitor, name: str) -> str:
    """Post a recording, for an answer as events."""
    data = form(audio=speech_path().read_bytes(), sessionId=name)
    return await posted(world, visitor, "/stream", data)


async def ticket(world: World, visitor: Visitor, name: str) -> str:
    """Request a ticket."""
    return await posted(world, visitor, "/tickets", None)


async def grpc_open(world: World, visitor: Visitor, name: str) -> str:
    """Open a session of this name."""
    async with world.client.stream(token=visitor.token) as stream:
        try:
            opening = await opened(stream, pb.SessionConfig(session_id=name))
        except VoiceClientError as refusal:
            return refusal.code.name
        return f"own, resumed {opening.ready.resumed}"


async def grpc_resume(world: World, visitor: Visitor, name: str) -> str:
    """Resume a session by its resume token."""
    secret = world.resume_token if name == TAKEN else "unknown"
    resume = pb.ResumeRequest(resume_token=secret)
    async with world.client.stream(token=visitor.token) as stream:
        try:
            await opened(stream, pb.SessionConfig(resume=resume))
        except VoiceClientError as refusal:
            return refusal.code.name
        return "resumed"


async def grpc_resume_by_name(world: World, visitor: Visitor, name: str) -> str:
    """Resume a session of the bridge, by the resume token that is derived from its name."""
    resume = pb.ResumeRequest(resume_token=secret_of(name))
    async with world.client.stream(token=visitor.token) as stream:
        try:
            await opened(stream, pb.SessionConfig(resume=resume))
        except VoiceClientError as refusal:
            return refusal.code.name
        return "resumed"


async def grpc_read(world: World, visitor: Visitor, name: str) -> str:
    """Read the conversation of a session."""
    return await unary(world, visitor, lambda client, secret: client.conversation(name), name)


async def grpc_read_by_secret(world: World, visitor: Visitor, name: str) -> str:
    """Read the conversation of a session, with its resume token."""
    return await unary(
        world,
        visitor,
        lambda client, secret: client.conversation(name, resume_token=secret),
        name,
    )


async def grpc_delete(world: World, visitor: Visitor, name: str) -> str:
    """Delete a session."""
    return await unary(
        world,
        visitor,
        lambda client, secret: client.delete_session(name, resume_token=secret),
        name,
    )


async def unary(
    world: World,
    visitor: Visitor,
    call: Callable[[VoiceClient, str], Awaitable[object]],
    name: str,
) -> str:
    """Call the service with a client of its own."""
    secret = world.resume_token if name == TAKEN else "unknown"
    async with VoiceClient(world.address, token=visitor.token) as client:
        try:
            await call(client, secret)
        except VoiceClientError as refusal:
            return refusal.code.name
    return "served"


OWN = "own, resumed False"
HTTP = {"no token": "status 401", "expired": "status 401", "wrong audience": "status 401"}
SOCKET = {"no token": "closed 1008", "expired": "closed 1008", "wrong audience": "closed 1008"}
GRPC = dict.fromkeys(("no token", "expired", "wrong audience"), "UNAUTHENTICATED")
FOREIGN_PAGE = {"wrong origin": "status 403"}
NOT_FOUND = {"other user": "SESSION_NOT_FOUND"}

WAYS: dict[Callable[[World, Visitor, str], Awaitable[str]], dict[str, str]] = {
    cedar_socket: {**SOCKET, **FOREIGN_PAGE, "other user": OWN},
    streaming_socket: {**SOCKET, **FOREIGN_PAGE, "other user": OWN},
    events: {**HTTP, **FOREIGN_PAGE, "other user": "status 200"},
    upload: {**HTTP, **FOREIGN_PAGE, "other user": "status 200"},
    whole: {**HTTP, **FOREIGN_PAGE, "other user": "status 200"},
    streamed: {**HTTP, **FOREIGN_PAGE, "other user": "status 200"},
    ticket: {**HTTP, **FOREIGN_PAGE, "other user": "status 200"},
    grpc_open: {**GRPC, "other user": OWN},
    grpc_resume: {**GRPC, **NOT_FOUND},
    grpc_resume_by_name: {**GRPC, **NOT_FOUND},
    grpc_read: {**GRPC, **NOT_FOUND},
    grpc_read_by_secret: {**GRPC, **NOT_FOUND},
    grpc_delete: {**GRPC, **NOT_FOUND},
}


@pytest.mark.parametrize("enter", WAYS, ids=lambda way: way.__name__)
async def test_nobody_gets_at_a_session(
    enter: Callable[[World, Visitor, str], Awaitable[str]],
) -> None:
    async with living() as world:
        for kind, documented in WAYS[enter].items():
            visitor = VISITORS[kind]()
            for name in (TAKEN, FREE):
                async with asyncio.timeout(20):
                    assert (kind, name, await enter(world, visitor, name)) == (
                        kind,
                        name,
                        documented,
                    )
        await nothing_happened(world)


async def nothing_happened(world: World) -> None:
    """Check that Ann's sessions are open and have received no message of a visitor."""
    heard = len(world.socket.heard)
    await world.socket.say(type="ping", sentAt=1)
    await world.socket.hear_until("pong")
    assert world.socket.kinds[heard:] == ["pong"]
    await world.stream.send(pb.VoiceSessionRequest(ping=pb.Ping(sent_at_ms=1)))
    response = await world.stream.receive()
    assert response is not None and response.HasField("pong")
    async with VoiceClient(world.address, token=signed("ann")) as client:
        assert not (await client.conversation(TAKEN)).items


async def test_the_owner_gets_in() -> None:
    """Without this, a service that refuses every request would pass the tests above."""
    async with living() as world:
        ann = Visitor(signed("ann"))
        assert await grpc_read(world, ann, TAKEN) == "served"
        assert await grpc_resume(world, ann, TAKEN) == "resumed"
        assert await grpc_resume_by_name(world, ann, TAKEN) == "resumed"
        assert await cedar_socket(world, ann, TAKEN) == "own, resumed True"
