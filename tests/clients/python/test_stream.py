"""One call over real gRPC: cancellation, order and end."""

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import pytest

import cedar_voice.v1 as pb
from cedar_voice.v1.voice_service_pb2_grpc import VoiceServiceStub
from cedar_voice_client import (
    InvalidRequest,
    SessionClosed,
    Unavailable,
    VoiceClient,
    VoiceClientError,
    VoiceStream,
)
from cedar_voice_client.call import GrpcCall
from cedar_voice_client.stream import MAX_SEND_BYTES
from tests.support.scripted_service import Conversation, Script, ScriptedService, converse, serving

CONFIG = pb.VoiceSessionRequest(config=pb.SessionConfig())
CHUNK = pb.VoiceSessionRequest(audio=pb.InputAudio(data=bytes(3_000)))
BAD_RATE = pb.Error(
    code=pb.ERROR_CODE_INVALID_CONFIG, message="settings.rate must be 0.5 to 2", field="rate"
)


@asynccontextmanager
async def stream_to(script: Script) -> AsyncIterator[VoiceStream]:
    async with (
        serving(ScriptedService(script)) as address,
        VoiceClient(address) as client,
        client.stream() as stream,
    ):
        yield stream


async def test_messages_go_both_ways_until_the_server_closes() -> None:
    async def script(talk: Conversation) -> None:
        await talk.open()
        assert await talk.hear() is None
        await talk.say(pong=pb.Pong(sent_at_ms=1))

    async with stream_to(script) as stream:
        await stream.send(CONFIG)
        first = await stream.receive()
        assert first is not None and first.WhichOneof("payload") == "ready"
        await stream.done_sending()
        last = await stream.receive()
        assert last is not None and last.pong.sent_at_ms == 1
        assert await stream.receive() is None
        assert await stream.receive() is None
        with pytest.raises(SessionClosed):
            await stream.send(CHUNK)


async def test_a_cancelled_receive_loses_nothing() -> None:
    go_on = asyncio.Event()

    async def script(talk: Conversation) -> None:
        await talk.open()
        await go_on.wait()
        await talk.say(pong=pb.Pong(sent_at_ms=1))
        await talk.hear()

    async with stream_to(script) as stream:
        await stream.send(CONFIG)
        await stream.receive()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await stream.receive()
        go_on.set()
        pong = await stream.receive()
        assert pong is not None and pong.pong.sent_at_ms == 1


async def test_a_cancelled_send_is_still_sent() -> None:
    go_on = asyncio.Event()
    heard: list[int] = []

    async def script(talk: Conversation) -> None:
        await go_on.wait()
        while (request := await talk.hear()) is not None:
            heard.append(request.sequence)

    async with stream_to(script) as stream:
        sequence = 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                while True:  # until the transport accepts no more
                    sequence += 1
                    await stream.send(
                        pb.VoiceSessionRequest(
                            sequence=sequence, audio=pb.InputAudio(data=bytes(60_000))
                        )
                    )
        assert stream.is_sending
        go_on.set()
        await stream.done_sending()
        assert await stream.receive() is None
        assert heard == list(range(1, sequence + 1))


async def test_sends_from_many_tasks_arrive_in_order() -> None:
    heard: list[int] = []

    async def script(talk: Conversation) -> None:
        while (request := await talk.hear()) is not None:
            heard.append(request.sequence)

    async with stream_to(script) as stream:
        async with asyncio.TaskGroup() as group:
            for sequence in range(1, 51):
                group.create_task(stream.send(pb.VoiceSessionRequest(sequence=sequence)))
        await stream.done_sending()
        assert await stream.receive() is None
    assert heard == list(range(1, 51))


async def test_a_failed_write_raises_the_error_of_the_server() -> None:
    """grpc.aio itself reports most of these as an internal error."""

    async def script(talk: Conversation) -> None:
        await talk.hear()
        await talk.fail(grpc.StatusCode.INVALID_ARGUMENT, BAD_RATE)

    async with serving(ScriptedService(script)) as address:
        for _ in range(20):
            async with VoiceClient(address) as client, client.stream() as stream:
                with pytest.raises(InvalidRequest, match="rate") as caught:
                    while True:
                        await stream.send(CHUNK)
                assert caught.value.field == "rate"
                with pytest.raises(InvalidRequest):
                    await stream.receive()


@pytest.mark.parametrize("status", [grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT])
async def test_the_last_messages_of_the_server_arrive_though_writes_fail(
    status: grpc.StatusCode,
) -> None:
    async def script(talk: Conversation) -> None:
        await talk.hear()
        for _ in range(10):
            await talk.say(pong=pb.Pong())
        if status is not grpc.StatusCode.OK:
            await talk.fail(status, BAD_RATE)

    async def send_on(stream: VoiceStream) -> None:
        with suppress(SessionClosed, InvalidRequest):
            while True:
                await stream.send(CHUNK)

    async def listen(stream: VoiceStream) -> None:
        heard = [await stream.receive() for _ in range(10)]
        assert [said.sequence for said in heard if said] == list(range(1, 11))
        if status is grpc.StatusCode.OK:
            assert await stream.receive() is None
        else:
            with pytest.raises(InvalidRequest, match="rate"):
                await stream.receive()

    async with serving(ScriptedService(script)) as address, VoiceClient(address) as client:
        for _ in range(20):
            async with client.stream() as stream:
                await send_on(stream)
                await listen(stream)
            async with client.stream() as stream, asyncio.TaskGroup() as group:
                group.create_task(send_on(stream))
                await listen(stream)


async def test_a_message_too_large_is_refused_and_the_stream_continues() -> None:
    async def script(talk: Conversation) -> None:
        await talk.open()
        await talk.hear()

    async with stream_to(script) as stream:
        with pytest.raises(InvalidRequest, match="bytes"):
            await stream.send(
                pb.VoiceSessionRequest(audio=pb.InputAudio(data=bytes(MAX_SEND_BYTES)))
            )
        await stream.send(CONFIG)
        assert await stream.receive() is not None


async def test_a_server_that_is_away_is_unavailable() -> None:
    async with serving(ScriptedService()) as address:
        pass
    async with VoiceClient(address) as client, client.stream() as stream:
        with pytest.raises(Unavailable) as caught:
            await stream.send(CONFIG)
        assert caught.value.retryable
        with pytest.raises(Unavailable):
            await stream.receive()
        with pytest.raises(Unavailable):
            await stream.send(CONFIG)


async def test_a_server_that_stops_is_unavailable() -> None:
    async def script(talk: Conversation) -> None:
        await talk.open()
        await talk.hear()

    service = serving(ScriptedService(script))
    address = await service.__aenter__()
    async with VoiceClient(address) as client, client.stream() as stream:
        await stream.send(CONFIG)
        await stream.receive()
        await service.__aexit__(None, None, None)
        with pytest.raises(Unavailable):
            await stream.receive()


async def test_leaving_cancels_the_call_and_leaves_no_task() -> None:
    async def script(talk: Conversation) -> None:
        await talk.open()
        await talk.hear()
        await asyncio.Event().wait()

    service = ScriptedService(script)
    async with serving(service) as address, VoiceClient(address) as client:
        before = asyncio.all_tasks()
        async with client.stream() as stream:
            await stream.send(CONFIG)
            await stream.receive()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    while True:
                        await stream.send(CHUNK)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await stream.receive()
        ours = {task for task in asyncio.all_tasks() - before if "VoiceStream" in repr(task)}
        assert not ours
        async with asyncio.timeout(5):
            await service.cancelled.wait()


async def test_leaving_an_idle_call_cancels_it() -> None:
    async def script(talk: Conversation) -> None:
        await talk.open()
        await asyncio.Event().wait()

    calls: list[GrpcCall] = []
    service = ScriptedService(script)
    async with serving(service) as address, grpc.aio.insecure_channel(address) as channel:
        stub = VoiceServiceStub(channel)

        def open_call() -> GrpcCall:  # keeps the call, so that only the stream ends it
            calls.append(stub.VoiceSession())
            return calls[-1]

        async with VoiceStream(open_call) as stream:
            await stream.send(CONFIG)
            await stream.receive()
        async with asyncio.timeout(5):
            await service.cancelled.wait()


async def test_leaving_closes_the_generator_of_responses() -> None:
    async with stream_to(converse) as stream:
        hooks = sys.get_asyncgen_hooks()
        left_open: list[object] = []
        sys.set_asyncgen_hooks(finalizer=left_open.append)
        try:
            await stream.send(CONFIG)
            await stream.receive()
            await stream.__aexit__(None, None, None)
            await stream.__aenter__()
            gc.collect()
        finally:
            sys.set_asyncgen_hooks(*hooks)
        assert not left_open


async def test_leaving_does_not_wait_for_a_peer_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()
        async with (
            asyncio.timeout(5),
            VoiceClient(f"{host}:{port}") as client,
            client.stream() as stream,
        ):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await stream.send(CONFIG)


async def test_a_receive_in_another_task_ends_when_the_stream_is_left() -> None:
    async def script(talk: Conversation) -> None:
        await talk.open()
        await talk.hear()

    async with stream_to(script) as stream:
        await stream.send(CONFIG)
        await stream.receive()
        reading = asyncio.create_task(stream.receive())
        await asyncio.wait({reading}, timeout=0)
    with pytest.raises(SessionClosed):
        await reading


@pytest.mark.parametrize("enter_client", [False, True])
async def test_use_outside_the_context_is_refused(enter_client: bool) -> None:
    client = VoiceClient("127.0.0.1:1")
    stream = client.stream()
    with pytest.raises(SessionClosed):
        await stream.receive()
    if not enter_client:
        with pytest.raises(SessionClosed, match="async with"):
            await stream.__aenter__()
        return
    async with client:
        with pytest.raises(VoiceClientError):
            await stream.send(CONFIG)


async def test_a_send_that_had_not_begun_when_the_stream_was_left_raises() -> None:
    async with serving(ScriptedService()) as address, VoiceClient(address) as client:
        async with client.stream() as stream:
            sending = asyncio.create_task(stream.send(pb.VoiceSessionRequest(ping=pb.Ping())))
            await asyncio.sleep(0)  # the write is requested and has not begun
        with pytest.raises(SessionClosed):
            await sending
