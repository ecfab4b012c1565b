"""A service that is too busy, or whose clients do not read: who is refused, who goes on."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status

import cedar_voice.v1 as pb
from cedar_voice.v1 import voice_service_pb2_grpc
from cedar_voice_client import (
    ErrorCode,
    SessionClosed,
    SessionOptions,
    SessionRefused,
    VoiceClient,
    VoiceClientError,
    VoiceSession,
    events,
)
from cedar_voice_service.server import open_server
from tests.support.openai_script import INSTANT
from tests.support.openai_standin import OpenAIStandin
from tests.support.service import LOCAL, running, settings, settings_of

TEXT_ONLY = SessionOptions(use_browser_tts=True)
LIMIT = {"shed_partials_lag_ms": 5, "shed_drafts_lag_ms": 10, "refuse_sessions_lag_ms": 20}


@asynccontextmanager
async def hogged() -> AsyncIterator[None]:
    """Hold the loop for 60 ms at a time, all the time: nothing runs in time any more."""

    async def hog() -> None:
        while True:
            time.sleep(0.06)  # noqa: ASYNC251 - the fault
            await asyncio.sleep(0)

    hogging = asyncio.ensure_future(hog())
    try:
        yield
    finally:
        hogging.cancel()


async def refusal(client: VoiceClient) -> SessionRefused:
    """The refusal of a session, as soon as one is refused."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with client.session():
                    pass
            except SessionRefused as refused:
                return refused


async def opened(client: VoiceClient) -> None:
    """Open a session, as soon as one can be opened."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with client.session():
                    return
            except SessionRefused:
                continue


async def test_a_busy_service_refuses_sessions_and_serves_those_it_has() -> None:
    async with (
        OpenAIStandin(latencies=INSTANT) as standin,
        running(settings_of(standin, **LIMIT)) as client,
        client.session(TEXT_ONLY) as session,
    ):
        async with hogged():
            refused = await refusal(client)
            assert refused.code is ErrorCode.OVERLOADED and refused.retryable
            assert 1_000 <= refused.retry_after_ms <= 5_000
            await session.send_text("hello")
            async with asyncio.timeout(20):
                async for event in session:
                    if isinstance(event, events.ResponseCompleted):
                        break
        await opened(client)


async def test_a_refusal_tells_grpc_when_to_come_back() -> None:
    async with (
        open_server(settings(**LOCAL, max_sessions=1)) as (address, _),
        VoiceClient(address) as client,
        client.session(),
        grpc.aio.insecure_channel(address) as channel,
    ):
        call = voice_service_pb2_grpc.VoiceServiceStub(channel).VoiceSession()
        await call.write(pb.VoiceSessionRequest(config=pb.SessionConfig()))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            while await call.read() is not grpc.aio.EOF:
                pass
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        status = await rpc_status.aio.from_call(call)
        assert status is not None
        retry = RetryInfo()
        assert any(detail.Unpack(retry) for detail in status.details)
        assert 1_000 <= retry.retry_delay.ToMilliseconds() <= 5_000


@pytest.mark.parametrize(
    "bound", [{"replay_buffer_bytes": 20_000}, {"send_timeout_ms": 1_000}], ids=["bytes", "time"]
)
async def test_a_reader_that_is_too_slow_is_told_and_closed_and_costs_nobody_else(
    bound: dict[str, int],
) -> None:
    async with (
        running(settings(**LOCAL, **{"replay_buffer_bytes": 64 << 20, **bound})) as client,
        client.session(TEXT_ONLY) as session,
        client.session(TEXT_ONLY, recovery=None) as slow,
    ):
        talking = asyncio.ensure_future(say_much(slow))
        async with asyncio.timeout(20):
            while not await is_left(client, slow.ready):
                pass
        await session.send_text("hello")
        async with asyncio.timeout(20):
            async for event in session:
                if isinstance(event, events.ResponseCompleted):
                    break
            with pytest.raises(SessionRefused) as ended:
                async for _ in slow:
                    pass
        assert ended.value.code is ErrorCode.SLOW_CONSUMER
        await talking


async def say_much(session: VoiceSession) -> None:
    """Say what is told back several times, for as long as it is taken."""
    with suppress(VoiceClientError, SessionClosed):  # when the stream is closed, but not why
        for _ in range(300):
            await session.send_text("word " * 300)


async def is_left(client: VoiceClient, ready: events.Ready) -> bool:
    """Whether the stream of a session is over for the service."""
    left = await client.conversation(ready.session_id, resume_token=ready.resume_token)
    return left.HasField("expires_in_ms")
