"""Short sessions in several courses: complete, interrupted, dropped, resumed, invalid."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Literal, Protocol
from uuid import uuid4

import aiohttp
import grpc
import msgspec
import pybase64

import cedar_voice.v1 as pb
from benchmarks.lines import CHANNEL_OPTIONS, Call, Transport
from benchmarks.recording import load_recording
from cedar_voice.v1 import voice_service_pb2_grpc

PATIENCE_S = 20.0
"""Longest wait for an event of a session."""

_SPOKEN_PIECES = 8
"""Number of pieces of the recording that are sent: 0.8 s."""

Saying = Literal["text", "start", "speech", "stop", "interrupt", "nonsense"]
Hearing = Literal["ready", "audio", "metrics", "error"]


class VisitFailed(Exception):
    """A session ended before an expected event."""


class Visit(Protocol):
    """One session and the connection to it."""

    async def say(self, *sayings: Saying) -> None:
        """Send some input."""
        ...

    async def hear(self, kind: Hearing) -> None:
        """Wait for an event of a kind."""
        ...

    async def drop(self) -> None:
        """Drop the connection without ending the session."""
        ...

    async def come_back(self) -> None:
        """Resume the session on a new connection."""
        ...

    async def end(self) -> None:
        """End the session, as far as the transport allows."""
        ...


async def types(visit: Visit) -> None:
    """Type, and receive the answer."""
    await visit.say("text")
    await visit.hear("metrics")


async def speaks(visit: Visit) -> None:
    """Speak, and receive the answer."""
    await visit.say("start", "speech", "stop")
    await visit.hear("metrics")


async def interrupts(visit: Visit) -> None:
    """Interrupt an answer."""
    await visit.say("text")
    await visit.hear("audio")
    await visit.say("interrupt")
    await visit.hear("metrics")


async def drops(visit: Visit) -> None:
    """Drop the connection in the middle of an answer."""
    await visit.say("text")
    await visit.hear("audio")
    await visit.drop()


async def drops_while_speaking(visit: Visit) -> None:
    """Drop the connection in the middle of an utterance."""
    await visit.say("start", "speech")
    await visit.drop()


async def resumes(visit: Visit) -> None:
    """Drop the connection in the middle of an answer, and resume the session."""
    await visit.say("text")
    await visit.hear("audio")
    await visit.drop()
    await visit.come_back()
    await visit.hear("metrics")


async def stammers(visit: Visit) -> None:
    """Send invalid input."""
    await visit.say("nonsense")
    await visit.hear("error")


Way = Callable[[Visit], Awaitable[None]]

WAYS: Mapping[str, Way] = {
    way.__name__: way
    for way in (types, speaks, interrupts, drops, drops_while_speaking, resumes, stammers)
}
"""All courses, in equal shares."""


class GrpcVisit:
    """A session of the service. See `Visit`."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._channel: grpc.aio.Channel | None = None
        self._call: Call | None = None
        self._resume_token = ""
        self._received = 0

    async def connect(self) -> None:
        """Open the session, or resume it."""
        self._channel = grpc.aio.insecure_channel(self._address, options=CHANNEL_OPTIONS)
        stub: voice_service_pb2_grpc.VoiceServiceAsyncStub
        stub = voice_service_pb2_grpc.VoiceServiceStub(self._channel)
        self._call = stub.VoiceSession()
        config = pb.SessionConfig(turn_detection=_PUSH_TO_TALK)
        if self._resume_token:
            config.resume.resume_token = self._resume_token
            config.resume.last_received_sequence = self._received
        await self._call.write(pb.VoiceSessionRequest(config=config))
        await self.hear("ready")

    async def say(self, *sayings: Saying) -> None:
        assert self._call is not None
        for saying in sayings:
            for request in _requests()[saying]:
                await self._call.write(request)

    async def hear(self, kind: Hearing) -> None:
        assert self._call is not None
        async with asyncio.timeout(PATIENCE_S):
            while isinstance(response := await self._call.read(), pb.VoiceSessionResponse):
                self._received = max(self._received, response.sequence)
                self._resume_token = response.ready.resume_token or self._resume_token
                if response.WhichOneof("payload") == kind:
                    return
        raise VisitFailed(f"the session ended before {kind}")

    async def drop(self) -> None:
        if self._call is not None:
            self._call.cancel()
        if self._channel is not None:
            await self._channel.close()

    async def come_back(self) -> None:
        await self.connect()

    async def end(self) -> None:
        assert self._call is not None
        control = pb.Control(end_session=pb.EndSession())
        await self._call.write(pb.VoiceSessionRequest(control=control))
        async with asyncio.timeout(PATIENCE_S):
            while await self._call.read() is not grpc.aio.EOF:
                pass


class WebSocketVisit:
    """A session of the bridge. See `Visit`."""

    def __init__(self, address: str) -> None:
        self._url = f"http://{address}/api/voice/ws?sessionId={uuid4()}"
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._received = 0

    async def connect(self) -> None:
        """Open the session, or resume it."""
        self._http = aiohttp.ClientSession()
        self._socket = await self._http.ws_connect(f"{self._url}&lastSeq={self._received}")
        await self._socket.send_str('{"type":"config","turnDetection":{"mode":"manual"}}')
        await self.hear("ready")

    async def say(self, *sayings: Saying) -> None:
        assert self._socket is not None
        for saying in sayings:
            for frame in _frames()[saying]:
                await self._socket.send_str(frame)

    async def hear(self, kind: Hearing) -> None:
        assert self._socket is not None
        frame_type = _FRAME_TYPES.get(kind, kind)
        async with asyncio.timeout(PATIENCE_S):
            async for message in self._socket:
                frame = msgspec.json.decode(message.data, type=_Frame)
                self._received = max(self._received, frame.seq)
                if frame.type == frame_type:
                    return
        raise VisitFailed(f"the socket was closed before {kind}")

    async def drop(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def come_back(self) -> None:
        await self.connect()

    async def end(self) -> None:
        assert self._socket is not None
        await self._socket.close()


class _Frame(msgspec.Struct):
    type: str
    seq: int = 0


async def pay(transport: Transport, address: str, way: Way) -> None:
    """Open a session on a connection of its own, and run one course of it.

    Raises:
        VisitFailed: the session ended before an expected event.
        TimeoutError: an expected event did not arrive in time.
    """
    visit = GrpcVisit(address) if transport == "grpc" else WebSocketVisit(address)
    try:
        await visit.connect()
        await way(visit)
        if way not in (drops, drops_while_speaking):
            await visit.end()
    finally:
        await visit.drop()


_PUSH_TO_TALK = pb.TurnDetection(mode=pb.TURN_DETECTION_MODE_MANUAL)
_FRAME_TYPES = {"audio": "audio_chunk", "metrics": "turn_metrics"}
_TEXT = "what is on my calendar"


def _control(**command: object) -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(control=pb.Control(**command))  # type: ignore[arg-type]


@cache
def _pieces() -> tuple[bytes, ...]:
    return load_recording().pieces("webm")[:_SPOKEN_PIECES]


@cache
def _requests() -> Mapping[Saying, list[pb.VoiceSessionRequest]]:
    """Inputs as requests of the contract."""
    nothing = pb.SessionConfig(settings=pb.VoiceSettings(rate=1_000.0))
    return {
        "text": [pb.VoiceSessionRequest(text=pb.TextInput(text=_TEXT))],
        "start": [_control(start_listening=pb.StartListening())],
        "speech": [pb.VoiceSessionRequest(audio=pb.InputAudio(data=piece)) for piece in _pieces()],
        "stop": [_control(stop_listening=pb.StopListening())],
        "interrupt": [_control(interrupt=pb.Interrupt())],
        "nonsense": [
            pb.VoiceSessionRequest(config=nothing),
            pb.VoiceSessionRequest(audio=pb.InputAudio(data=b"\x1a\x45\xdf\xa3" + bytes(999))),
        ],
    }


@cache
def _frames() -> Mapping[Saying, list[str]]:
    """Inputs as frames of a browser."""
    audio = [pybase64.b64encode_as_string(piece) for piece in _pieces()]
    return {
        "text": [f'{{"type":"text","text":"{_TEXT}"}}'],
        "start": ['{"type":"start_listening"}'],
        "speech": [f'{{"type":"audio_chunk","data":"{data}"}}' for data in audio],
        "stop": ['{"type":"stop_listening"}'],
        "interrupt": ['{"type":"interrupt"}'],
        "nonsense": ["{", '{"type":"audio_chunk","data":"GkXfo0AAAAAAAAAAAAA="}'],
    }
