"""Connections to a session: over gRPC, or over the WebSocket of the bridge."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

import aiohttp
import grpc
import msgspec
import pybase64

import cedar_voice.v1 as pb
from benchmarks.recording import Encoding
from cedar_voice.v1 import voice_service_pb2_grpc

Transport = Literal["grpc", "websocket"]
TurnMode = Literal["manual", "server_vad"]
Kind = Literal[
    "partial", "final", "text", "audio", "interruption", "metrics", "pong", "error", "other"
]

CHANNEL_OPTIONS = [("grpc.use_local_subchannel_pool", 1)]
"""One connection per session, as for real users."""

_MODES = {
    "manual": pb.TURN_DETECTION_MODE_MANUAL,
    "server_vad": pb.TURN_DETECTION_MODE_SERVER_VAD,
}


@dataclass(frozen=True, slots=True)
class Setup:
    """Configuration of a session."""

    mode: TurnMode
    encoding: Encoding
    silence_ms: int
    drafts: bool


class Event(msgspec.Struct, rename="camel", tag=False):
    """An event of a session: the fields that benchmarks read, named as in the bridge's frames."""

    type: str = ""
    turn_id: int = 0
    text: str = ""
    stable_text: str = ""
    response_id: int = 0
    duration_ms: int = 0
    has_audio: bool = False
    """Whether it carries audio; the last audio message may carry none."""
    is_last: bool = False
    message: str = ""
    drafts: int = 0
    dropped_drafts: int = 0

    @property
    def kind(self) -> Kind:
        """Kind of event, independent of the transport."""
        return _KINDS.get(self.type, "other")


_KINDS: dict[str, Kind] = {
    "transcription_partial": "partial",
    "transcription_final": "final",
    "response_chunk": "text",
    "audio_chunk": "audio",
    "audio_complete": "audio",
    "interruption": "interruption",
    "turn_metrics": "metrics",
    "pong": "pong",
    "error": "error",
}


class Line(Protocol):
    """One session's connection."""

    def packed(self, pieces: Sequence[bytes]) -> Sequence[object]:
        """Return audio in the form in which it is sent: packing once saves the caller's time."""
        ...

    async def send(self, packed: object) -> None:
        """Send a packed piece of audio."""
        ...

    async def start(self) -> None:
        """Begin a listening period."""
        ...

    async def stop(self) -> None:
        """End the user's turn."""
        ...

    async def interrupt(self) -> None:
        """Stop the answer."""
        ...

    async def ping(self) -> None:
        """Request a pong."""
        ...

    async def end(self) -> None:
        """End the session permanently."""
        ...

    def events(self) -> AsyncGenerator[Event, None]:
        """Yield the session's events until it ends."""
        ...


Call = grpc.aio.StreamStreamCall[pb.VoiceSessionRequest, pb.VoiceSessionResponse]


class GrpcLine:
    """A call of the service. See `Line`."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def packed(self, pieces: Sequence[bytes]) -> Sequence[object]:
        return [pb.VoiceSessionRequest(audio=pb.InputAudio(data=piece)) for piece in pieces]

    async def send(self, packed: object) -> None:
        assert isinstance(packed, pb.VoiceSessionRequest)
        await self._call.write(packed)

    async def start(self) -> None:
        await self._command(pb.Control(start_listening=pb.StartListening()))

    async def stop(self) -> None:
        await self._command(pb.Control(stop_listening=pb.StopListening()))

    async def interrupt(self) -> None:
        await self._command(pb.Control(interrupt=pb.Interrupt()))

    async def ping(self) -> None:
        await self._call.write(pb.VoiceSessionRequest(ping=pb.Ping()))

    async def end(self) -> None:
        await self._command(pb.Control(end_session=pb.EndSession()))
        await self._call.done_writing()

    async def events(self) -> AsyncGenerator[Event, None]:
        try:
            async for response in self._call:
                yield _event(response)
        except grpc.aio.AioRpcError as error:
            yield Event("error", message=f"{error.code().name}: {error.details()}")

    async def _command(self, control: pb.Control) -> None:
        await self._call.write(pb.VoiceSessionRequest(control=control))


def _event(response: pb.VoiceSessionResponse) -> Event:
    match response.WhichOneof("payload"):
        case "transcription":
            said = response.transcription
            kind = "transcription_final" if said.is_final else "transcription_partial"
            return Event(
                kind, turn_id=response.turn_id, text=said.text, stable_text=said.stable_text
            )
        case "response":
            answer = response.response
            is_text = answer.HasField("delta")
            return Event("response_chunk" if is_text else "", response_id=answer.response_id)
        case "audio":
            audio = response.audio
            return Event(
                "audio_chunk",
                response_id=audio.response_id,
                duration_ms=audio.duration_ms,
                has_audio=bool(audio.data),
                is_last=audio.is_last,
            )
        case "interruption":
            return Event("interruption", response_id=response.interruption.response_id)
        case "metrics":
            metrics = response.metrics
            return Event(
                "turn_metrics",
                turn_id=response.turn_id,
                drafts=metrics.drafts,
                dropped_drafts=metrics.dropped_drafts,
            )
        case "error":
            return Event("error", message=response.error.message)
        case "pong":
            return Event("pong")
        case _:
            return Event()


class WebSocketLine:
    """A socket of the bridge. See `Line`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._decoder = msgspec.json.Decoder(Event)

    def packed(self, pieces: Sequence[bytes]) -> Sequence[object]:
        head = '{"type":"audio_chunk","data":"'
        return [f'{head}{pybase64.b64encode_as_string(piece)}"}}' for piece in pieces]

    async def send(self, packed: object) -> None:
        assert isinstance(packed, str)
        await self._socket.send_str(packed)

    async def start(self) -> None:
        await self._socket.send_str('{"type":"start_listening"}')

    async def stop(self) -> None:
        await self._socket.send_str('{"type":"stop_listening"}')

    async def interrupt(self) -> None:
        await self._socket.send_str('{"type":"interrupt"}')

    async def ping(self) -> None:
        await self._socket.send_str('{"type":"ping"}')

    async def end(self) -> None:
        await self._socket.close()

    async def events(self) -> AsyncGenerator[Event, None]:
        async for frame in self._socket:
            if frame.type is aiohttp.WSMsgType.TEXT:
                event = self._decoder.decode(frame.data)
                if event.type == "audio_chunk":
                    event.has_audio = True
                    event.is_last = False  # `audio_complete` is the last
                elif event.type == "audio_complete":
                    event.is_last = True
                yield event


@asynccontextmanager
async def _grpc_line(address: str, setup: Setup) -> AsyncIterator[GrpcLine]:
    async with grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) as channel:
        stub: voice_service_pb2_grpc.VoiceServiceAsyncStub
        stub = voice_service_pb2_grpc.VoiceServiceStub(channel)
        call = stub.VoiceSession()
        config = pb.SessionConfig(
            turn_detection=pb.TurnDetection(
                mode=_MODES[setup.mode], silence_duration_ms=setup.silence_ms
            ),
            pipeline=pb.PipelineConfig(draft_replies=setup.drafts),
        )
        if setup.encoding == "pcm":
            config.input_audio.encoding = pb.AUDIO_ENCODING_PCM_S16LE
            config.input_audio.sample_rate_hz = 16_000
        await call.write(pb.VoiceSessionRequest(config=config))
        yield GrpcLine(call)


@asynccontextmanager
async def _websocket_line(address: str, setup: Setup) -> AsyncIterator[WebSocketLine]:
    config = {
        "type": "config",
        "turnDetection": {"mode": setup.mode, "silenceDurationMs": setup.silence_ms},
        "output": {"encoding": "mp3", "framing": "continuous", "maxLeadMs": 1000},
        "draftReplies": setup.drafts,
    }
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"http://{address}/api/voice/ws", max_msg_size=0) as socket,
    ):
        await socket.send_str(msgspec.json.encode(config).decode())
        yield WebSocketLine(socket)


def open_line(
    transport: Transport, address: str, setup: Setup
) -> AbstractAsyncContextManager[GrpcLine | WebSocketLine]:
    """Connect, and open a session."""
    if transport == "grpc":
        return _grpc_line(address, setup)
    return _websocket_line(address, setup)
