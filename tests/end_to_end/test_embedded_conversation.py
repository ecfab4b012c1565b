"""A whole conversation over gRPC on the embedded engines: real speech in, real speech out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import cedar_voice.v1 as pb
from cedar_voice.v1 import voice_service_pb2_grpc
from cedar_voice_client import (
    AudioEncoding,
    ChunkFraming,
    ErrorCode,
    OutputAudioConfig,
    SessionOptions,
    StateSetter,
    Tool,
    TurnDetection,
    TurnDetectionMode,
    Unauthenticated,
    Unavailable,
    VoiceClient,
    VoiceSession,
    events,
)
from cedar_voice_client.options import AudioFormat
from cedar_voice_service.server import open_server
from tests.support.hearing import listen
from tests.support.recordings import speech_path, speech_pcm
from tests.support.service import LOCAL, running, settings

MANUAL = SessionOptions(turn_detection=TurnDetection(mode=TurnDetectionMode.MANUAL))


async def turn_of(session: VoiceSession) -> list[events.Event]:
    """Everything until the record of the turn."""
    heard: list[events.Event] = []
    async with asyncio.timeout(30):
        async for event in session:
            heard.append(event)
            if isinstance(event, events.TurnMetrics):
                return heard
    raise AssertionError("the session ended before its turn")


def final_text(heard: list[events.Event]) -> str:
    (final,) = [e for e in heard if isinstance(e, events.Transcription) and e.is_final]
    return final.text


def speech(heard: list[events.Event]) -> bytes:
    return b"".join(event.data for event in heard if isinstance(event, events.AudioChunk))


async def test_speech_is_recognized_answered_and_spoken() -> None:
    async with running(settings(**LOCAL)) as client, client.session(MANUAL) as session:
        await session.start_listening()
        await session.send_audio(speech_path("weather_in_london").read_bytes())
        await session.stop_listening()
        heard = await turn_of(session)
        words = final_text(heard).split()
        assert {"weather", "london"} <= set(words)
        partials = [e for e in heard if isinstance(e, events.Transcription) and not e.is_final]
        assert partials
        spoken = listen(speech(heard))
        metrics = heard[-1]
        assert isinstance(metrics, events.TurnMetrics)
        assert abs(spoken.duration_ms - metrics.output_audio_ms) < 120
        assert 3_000 < spoken.peak < 32_767
        assert spoken.longest_gap_ms < 800


async def test_the_server_finds_the_ends_of_two_sentences() -> None:
    options = SessionOptions(
        input_audio=AudioFormat(AudioEncoding.PCM_S16LE, 16_000), use_browser_tts=True
    )
    async with running(settings(**LOCAL)) as client, client.session(options) as session:
        async with asyncio.timeout(30):
            first = await _answer_to(session, speech_pcm("open_the_settings"))
            second = await _answer_to(session, speech_pcm("close_the_window"))
        assert "settings" in first
        assert "window" in second


async def _answer_to(session: VoiceSession, pcm: bytes) -> str:
    """Speak, fall silent, and wait to be answered; the words that were heard."""
    await session.send_audio(pcm + bytes(32_000))
    heard = ""
    async for event in session:
        if isinstance(event, events.Transcription) and event.is_final:
            heard = event.text
        if isinstance(event, events.TurnMetrics):
            break
    return heard


async def test_self_contained_chunks_are_whole_files() -> None:
    options = SessionOptions(
        output_audio=OutputAudioConfig(framing=ChunkFraming.SELF_CONTAINED, max_lead_ms=1_000)
    )
    async with running(settings(**LOCAL)) as client, client.session(options) as session:
        await session.send_text("hello, who are you?")
        heard = await turn_of(session)
        chunks = [e for e in heard if isinstance(e, events.AudioChunk) and e.data]
        assert chunks
        for chunk in chunks:
            assert abs(listen(chunk.data).duration_ms - chunk.duration_ms) < 120


async def test_a_declared_action_is_called_by_name() -> None:
    theme = Tool(
        name="setTheme",
        description="Change the colours of the application",
        parameters={
            "type": "object",
            "properties": {"theme": {"type": "string", "enum": ["light", "dark"]}},
            "required": ["theme"],
        },
        state_setter=StateSetter(state_key="ui", setter_key="setTheme", argument_order=("theme",)),
    )
    options = SessionOptions(tools=(theme,))
    async with running(settings(**LOCAL)) as client, client.session(options) as session:
        await session.send_text("set theme to dark")
        heard = await turn_of(session)
    (action,) = [event for event in heard if isinstance(event, events.Action)]
    assert (action.state_key, action.setter_key, action.args_json) == ("ui", "setTheme", '["dark"]')


async def test_an_interruption_stops_the_answer_at_once() -> None:
    async with running(settings(**LOCAL)) as client, client.session() as session:
        await session.send_text("hello, who are you?")
        async with asyncio.timeout(20):
            async for event in session:
                if isinstance(event, events.AudioChunk):
                    break
            await session.interrupt()
            rest = await turn_of(session)
        assert any(isinstance(event, events.Interruption) for event in rest)


@pytest.mark.parametrize(
    ("audio", "code"),
    [
        (b"this is not audio at all, whatever one hopes" * 50, ErrorCode.UNSUPPORTED_AUDIO_FORMAT),
        (b"\x1aE\xdf\xa3" + bytes(5_000), ErrorCode.AUDIO_DECODE_FAILED),
    ],
    ids=["text", "broken-webm"],
)
async def test_garbage_audio_is_refused_and_the_session_lives(
    audio: bytes, code: ErrorCode
) -> None:
    async with running(settings(**LOCAL)) as client, client.session() as session:
        await session.send_audio(audio)
        async with asyncio.timeout(10):
            async for event in session:
                if isinstance(event, events.ErrorEvent):
                    assert event.code in (code, ErrorCode.AUDIO_DECODE_FAILED)
                    assert not event.fatal
                    break
        await session.send_text("hello")
        assert await turn_of(session)


async def test_only_a_known_token_is_let_in() -> None:
    service = settings(**LOCAL, auth_tokens=("secret",))
    async with open_server(service) as (address, _):
        async with VoiceClient(address) as stranger:
            with pytest.raises(Unauthenticated):
                await stranger.service_info()
            with pytest.raises(Unauthenticated):
                async with stranger.session():
                    pass
        async with VoiceClient(address, token="secret") as friend, friend.session() as session:
            assert session.ready.session_id


@asynccontextmanager
async def plain_channel() -> AsyncIterator[grpc.aio.Channel]:
    """What a caller in another language has: a channel and the contract."""
    async with (
        open_server(settings(**LOCAL)) as (address, _),
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield channel


async def test_a_dropped_stream_is_resumed_without_a_gap() -> None:
    async with (
        open_server(settings(**LOCAL)) as (address, _),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub = voice_service_pb2_grpc.VoiceServiceStub(channel)
        first = stub.VoiceSession()
        await first.write(pb.VoiceSessionRequest(config=pb.SessionConfig()))
        token = await _read(first, "ready")
        await first.write(pb.VoiceSessionRequest(text=pb.TextInput(text="hello there")))
        got = [await _next(first) for _ in range(2)]
        first.cancel()
        resume = pb.ResumeRequest(
            resume_token=token.ready.resume_token,
            last_received_sequence=got[-1].sequence,
        )
        second = stub.VoiceSession()
        await second.write(pb.VoiceSessionRequest(config=pb.SessionConfig(resume=resume)))
        ready = await _read(second, "ready")
        assert ready.ready.resumed and not ready.ready.replay_truncated
        sequences = [response.sequence for response in got]
        while not (response := await _next(second)).HasField("metrics"):
            sequences.append(response.sequence)
        assert sequences == list(range(1, len(sequences) + 1))
        second.cancel()


async def test_a_stream_that_was_taken_over_drives_the_session_no_longer() -> None:
    async with plain_channel() as channel:
        stub = voice_service_pb2_grpc.VoiceServiceStub(channel)
        old, new = stub.VoiceSession(), stub.VoiceSession()
        await old.write(pb.VoiceSessionRequest(config=pb.SessionConfig()))
        token = (await _read(old, "ready")).ready.resume_token
        resume = pb.SessionConfig(resume=pb.ResumeRequest(resume_token=token))
        await new.write(pb.VoiceSessionRequest(config=resume))
        await _read(new, "ready")
        assert (await _read(old, "error")).error.code == pb.ERROR_CODE_SESSION_TAKEN_OVER
        assert await old.code() is grpc.StatusCode.ABORTED
        await new.write(pb.VoiceSessionRequest(ping=pb.Ping(sent_at_ms=7)))
        assert (await _read(new, "pong")).pong.ping_sent_at_ms == 7
        new.cancel()


async def test_the_end_of_a_session_ends_its_answer() -> None:
    async with running(settings(**LOCAL)) as client, client.session() as session:
        await session.send_text("hello, who are you?")
        kinds: list[type[events.Event]] = []
        lasts = 0
        async with asyncio.timeout(20):
            async for event in session:
                kinds.append(type(event))
                if kinds == [events.ResponseStarted]:
                    await session.end()
                if isinstance(event, events.AudioChunk):
                    lasts += event.is_last
    assert events.Interruption in kinds
    assert lasts == 1


async def test_a_server_that_stops_says_so() -> None:
    async with AsyncExitStack() as server:
        address, _ = await server.enter_async_context(open_server(settings(**LOCAL)))
        async with VoiceClient(address) as client, client.session(recovery=None) as session:
            stopping = asyncio.create_task(server.aclose())
            with pytest.raises(Unavailable, match="shuts down"):
                async for _event in session:
                    pass
            await stopping


async def test_a_client_that_drops_in_mid_utterance_goes_on_with_it() -> None:
    wav = speech_path("weather_in_london").read_bytes()
    half = len(wav) // 2
    manual = pb.TurnDetection(mode=pb.TURN_DETECTION_MODE_MANUAL)
    async with plain_channel() as channel:
        stub = voice_service_pb2_grpc.VoiceServiceStub(channel)
        first = stub.VoiceSession()
        config = pb.SessionConfig(turn_detection=manual)
        await first.write(pb.VoiceSessionRequest(config=config))
        token = (await _read(first, "ready")).ready.resume_token
        await first.write(pb.VoiceSessionRequest(audio=pb.InputAudio(data=wav[:half])))
        while (await _next(first)).WhichOneof("payload") != "transcription":
            pass
        first.cancel()
        second = stub.VoiceSession()
        resume = pb.ResumeRequest(resume_token=token)
        await second.write(pb.VoiceSessionRequest(config=pb.SessionConfig(resume=resume)))
        await second.write(pb.VoiceSessionRequest(audio=pb.InputAudio(data=wav[half:])))
        stop = pb.Control(stop_listening=pb.StopListening())
        await second.write(pb.VoiceSessionRequest(control=stop))
        while not (response := await _next(second)).transcription.is_final:
            pass
        assert {"weather", "london"} <= set(response.transcription.text.split())
        second.cancel()


async def _read(call: grpc.aio.StreamStreamCall, kind: str) -> pb.VoiceSessionResponse:  # type: ignore[type-arg]
    response = await _next(call)
    assert response.WhichOneof("payload") == kind
    return response


async def _next(call: grpc.aio.StreamStreamCall) -> pb.VoiceSessionResponse:  # type: ignore[type-arg]
    response = await call.read()
    assert isinstance(response, pb.VoiceSessionResponse)
    return response


async def test_a_stream_that_begins_wrong_ends_with_a_status_that_says_why() -> None:
    async with (
        open_server(settings(**LOCAL)) as (address, _),
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub = voice_service_pb2_grpc.VoiceServiceStub(channel)
        call = stub.VoiceSession()
        await call.write(pb.VoiceSessionRequest(text=pb.TextInput(text="hello")))
        refusal = (await _read(call, "error")).error
        assert (refusal.code, refusal.fatal) == (pb.ERROR_CODE_PROTOCOL_VIOLATION, True)
        assert await call.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert "config" in await call.details()


async def test_health_and_reflection_are_served() -> None:
    async with (
        open_server(settings(**LOCAL)) as (address, _),
        grpc.aio.insecure_channel(address) as channel,
    ):
        health: Any = health_pb2_grpc.HealthStub(channel)
        for name in ("", "cedar_voice.v1.VoiceService"):
            request = health_pb2.HealthCheckRequest(service=name)
            reply = await health.Check(request, timeout=5)
            assert reply.status == health_pb2.HealthCheckResponse.SERVING
        untyped: Any = channel
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(untyped)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        async for response in stub.ServerReflectionInfo(iter([asked]), timeout=5):
            services = [service.name for service in response.list_services_response.service]
            assert "cedar_voice.v1.VoiceService" in services
            break
