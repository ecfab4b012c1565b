"""A VoiceService that plays a script over real gRPC, without engines."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

import cedar_voice.v1 as pb
from cedar_voice.v1.voice_service_pb2_grpc import (
    VoiceServiceServicer,
    add_VoiceServiceServicer_to_server,
)

LIMITS = pb.Limits(max_message_bytes=1 << 20, max_audio_chunk_bytes=1_000, resume_window_ms=30_000)
ANSWER_AUDIO = (b"first phrase", b"second phrase")


class Conversation:
    """The server's side of one stream: numbers its events, and records the messages."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._sequence = 0
        self.accepted = 0
        self.requests: list[pb.VoiceSessionRequest] = []

    async def hear(self) -> pb.VoiceSessionRequest | None:
        """Return the next message; None after the client has half-closed."""
        request = await self._context.read()
        if not isinstance(request, pb.VoiceSessionRequest):
            return None
        self.requests.append(request)
        self.accepted = max(self.accepted, request.sequence)
        return request

    async def say(self, *, turn_id: int = 0, is_numbered: bool = True, **payload: Any) -> None:
        """Send one event."""
        self._sequence += is_numbered
        sequence = self._sequence if is_numbered else 0
        await self._context.write(
            pb.VoiceSessionResponse(
                sequence=sequence, ack=self.accepted, turn_id=turn_id, **payload
            )
        )

    async def open(self) -> None:
        """Receive the first config and answer it with `ready`."""
        request = await self.hear()
        assert request is not None and request.WhichOneof("payload") == "config"
        self._sequence = request.config.resume.last_received_sequence
        await self.say(is_numbered=False, ready=ready(request.config))

    async def fail(self, status: grpc.StatusCode, error: pb.Error) -> None:
        """End the stream with a status that carries `error` among its details."""
        detail = AnyMessage()
        detail.Pack(error)
        rich = Status(code=status.value[0], message=error.message, details=[detail])
        refusal = rpc_status.to_status(rich)
        await self._context.abort(refusal.code, refusal.details, refusal.trailing_metadata)


def ready(config: pb.SessionConfig) -> pb.SessionReady:
    """Return the `ready` of a session opened with `config`."""
    return pb.SessionReady(
        session_id=config.session_id or "session-1",
        resume_token="resume-secret",
        resumed=config.HasField("resume") and not config.resume.restore,
        limits=LIMITS,
        server_info=pb.ServerInfo(name="scripted", version="1"),
        settings=config.settings,
        output_audio=config.output_audio,
        turn_detection=config.turn_detection,
    )


async def converse(talk: Conversation) -> None:
    """Answer every input with text and two chunks of audio, until the client ends."""
    await talk.open()
    heard_bytes = turn_id = 0
    while (request := await talk.hear()) is not None:
        match request.WhichOneof("payload"):
            case "config":
                await talk.say(is_numbered=False, ready=ready(request.config))
            case "audio":
                heard_bytes += len(request.audio.data)
            case "text":
                turn_id += 1
                await answer(talk, turn_id, request.text.text)
            case "ping":
                pong = pb.Pong(ping_sent_at_ms=request.ping.sent_at_ms, sent_at_ms=2)
                await talk.say(is_numbered=False, pong=pong)
            case "control":
                command = request.control.WhichOneof("command")
                if command == "end_session":
                    return
                if command == "stop_listening":
                    turn_id += 1
                    await _hear_out(talk, turn_id, f"{heard_bytes} bytes")
                    heard_bytes = 0
                if command == "interrupt":
                    await _cut(talk, turn_id, request.control.interrupt)
            case _:
                pass  # an acknowledgement alone


async def _hear_out(talk: Conversation, turn_id: int, text: str) -> None:
    for is_final in (False, True):
        transcription = pb.Transcription(text=text, is_final=is_final, end_ms=1_000)
        if is_final:
            transcription.confidence = 0.5
        await talk.say(turn_id=turn_id, transcription=transcription)
    await answer(talk, turn_id, text)


async def answer(talk: Conversation, turn_id: int, user_text: str) -> None:
    """Send one complete response."""
    text = f"You said {user_text}"
    for event in (
        pb.ResponseEvent(response_id=turn_id, started=pb.ResponseStarted(user_text=user_text)),
        pb.ResponseEvent(response_id=turn_id, delta=pb.ResponseDelta(text=text)),
    ):
        await talk.say(turn_id=turn_id, response=event)
    for number, data in enumerate(ANSWER_AUDIO):
        audio = pb.OutputAudio(
            response_id=turn_id, data=data, offset_ms=500 * number, duration_ms=500
        )
        if number == 0:
            audio.format.encoding = pb.AUDIO_ENCODING_MP3
        audio.is_last = data is ANSWER_AUDIO[-1]
        await talk.say(turn_id=turn_id, audio=audio)
    completed = pb.ResponseCompleted(text=text, finish_reason=pb.FINISH_REASON_STOP)
    completed.usage.total_tokens = 7
    response = pb.ResponseEvent(response_id=turn_id, completed=completed)
    await talk.say(turn_id=turn_id, response=response)
    metrics = pb.TurnMetrics(response_latency_ms=120, output_audio_ms=1_000)
    await talk.say(turn_id=turn_id, metrics=metrics)


async def _cut(talk: Conversation, turn_id: int, interrupt: pb.Interrupt) -> None:
    interruption = pb.Interruption(
        response_id=interrupt.response_id,
        reason=pb.INTERRUPTION_REASON_CLIENT_REQUEST,
        heard_ms=interrupt.played_ms,
    )
    await talk.say(turn_id=turn_id, interruption=interruption)


Script = Callable[[Conversation], Awaitable[None]]


class ScriptedService(VoiceServiceServicer):
    """Plays `script` on every stream, and records the messages for the test."""

    def __init__(self, script: Script = converse) -> None:
        self._script = script
        self.conversations: list[Conversation] = []
        self.metadata: list[dict[str, str | bytes]] = []
        self.cancelled = asyncio.Event()
        """Set when a client left without ending its stream."""

    async def VoiceSession(  # type: ignore[override]
        self, request_iterator: object, context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        self._note(context)
        talk = Conversation(context)
        self.conversations.append(talk)
        try:
            await self._script(talk)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def GetServiceInfo(
        self, request: pb.GetServiceInfoRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.GetServiceInfoResponse:
        self._note(context)
        return pb.GetServiceInfoResponse(
            server_info=pb.ServerInfo(name="scripted", version="1"),
            engines=[pb.Engine(stage=pb.PIPELINE_STAGE_STT, name="script", description="none")],
            input_encodings=[pb.AUDIO_ENCODING_WAV],
            output_encodings=[pb.AUDIO_ENCODING_MP3],
            limits=LIMITS,
        )

    async def GetSession(
        self, request: pb.GetSessionRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.GetSessionResponse:
        raise NotImplementedError

    async def DeleteSession(
        self, request: pb.DeleteSessionRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.DeleteSessionResponse:
        raise NotImplementedError

    def _note(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        self.metadata.append(dict(context.invocation_metadata() or ()))


@asynccontextmanager
async def serving(
    service: VoiceServiceServicer, credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[str]:
    """Run the service on a free port of this machine; the value is its address."""
    server = grpc.aio.server()
    add_VoiceServiceServicer_to_server(service, server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
