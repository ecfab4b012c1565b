"""Limits of one user, over real streams: refusals name the limit, and affect no other user."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest

import cedar_voice.v1 as pb
from cedar_voice_client import (
    ErrorCode,
    SessionClosed,
    SessionRefused,
    VoiceClient,
    VoiceClientError,
    VoiceStream,
)
from cedar_voice_client.errors import error_from_proto
from cedar_voice_service.runtime.quotas import (
    BURST_AUDIO_S,
    BURST_MESSAGES,
    BURST_STREAMS,
    BURST_TURNS,
)
from cedar_voice_service.server import open_server
from tests.support.bridge import PATIENCE_S, Bridge, bridging
from tests.support.http_clients import VOICE, form
from tests.support.openai_script import INSTANT
from tests.support.openai_standin import OpenAIStandin
from tests.support.service import settings_of

TOKENS = {"auth_tokens": ("ann", "bob")}
PCM = pb.AudioFormat(encoding=pb.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000, channel_count=1)


@asynccontextmanager
async def serving(**limits: int) -> AsyncIterator[str]:
    """Serve with these limits, and yield the address."""
    async with (
        OpenAIStandin(latencies=INSTANT) as standin,
        open_server(settings_of(standin, **TOKENS, **limits)) as (address, _),
    ):
        yield address


async def opened(stream: VoiceStream, **config: Any) -> pb.VoiceSessionResponse:
    """Open a session and return the first response; raise if it is an error."""
    with suppress(SessionClosed):  # receiving raises the cause
        await stream.send(pb.VoiceSessionRequest(config=pb.SessionConfig(**config)))
    opening = await stream.receive()
    assert opening is not None
    if opening.HasField("error"):
        raise error_from_proto(opening.error)
    return opening


async def refusal_on(stream: VoiceStream) -> pb.Error:
    """Return the next error."""
    async with asyncio.timeout(PATIENCE_S):
        while (response := await stream.receive()) is not None:
            if response.HasField("error"):
                return response.error
    raise AssertionError("nothing is refused")


async def test_sessions_over_grpc() -> None:
    async with (
        serving(principal_max_sessions=1) as address,
        VoiceClient(address) as client,
        client.stream(token="ann") as first,
        client.stream(token="ann") as second,
        client.stream(token="bob") as other,
    ):
        await opened(first)
        with pytest.raises(SessionRefused, match="1 sessions at once") as refused:
            await opened(second)
        assert refused.value.code is ErrorCode.RATE_LIMITED
        assert refused.value.retryable and refused.value.retry_after_ms > 0
        await opened(other)


async def test_sessions_over_the_bridge() -> None:
    async with (
        serving(principal_max_sessions=1) as address,
        bridging(address, **TOKENS) as bridge,
        bridge.connect("?sessionId=one&token=ann") as socket,
    ):
        await socket.hear_until("ready")
        async with bridge.connect("?sessionId=two&token=ann") as second:
            assert await second.closing() == 1013
            assert second.heard[-1]["code"] == "rate_limited"
            assert second.heard[-1]["retryAfterMs"] > 0
        headers = {"Authorization": "Bearer ann"}
        data = form(audioChunk=b"\x1a\x45\xdf\xa3", sessionId="three")
        url = f"{bridge.url}{VOICE}/stream"
        async with bridge.http.post(url, data=data, headers=headers) as answer:
            assert answer.status == 429
            assert int(answer.headers["Retry-After"]) > 0
        async with bridge.connect("?sessionId=two&token=bob") as other:
            await other.hear_until("ready")


async def test_sessions_begun_and_resumed() -> None:
    async with (
        serving(principal_streams_per_minute=1) as address,
        bridging(address, **TOKENS) as bridge,
        VoiceClient(address) as client,
    ):
        token = ""
        for _ in range(BURST_STREAMS):
            config = {"resume": pb.ResumeRequest(resume_token=token)} if token else {}
            async with client.stream(token="ann") as stream:
                token = (await opened(stream, **config)).ready.resume_token
        async with client.stream(token="ann") as stream:
            with pytest.raises(SessionRefused, match="1 sessions begun or resumed a") as refused:
                await opened(stream)
        assert refused.value.code is ErrorCode.RATE_LIMITED
        assert refused.value.retryable and refused.value.retry_after_ms > 0
        async with bridge.connect("?token=ann") as socket:
            assert await socket.closing() == 1013
            assert socket.heard[-1]["retryAfterMs"] > 0
        async with bridge.connect("?token=bob") as other:
            await other.hear_until("ready")


async def test_tickets() -> None:
    async with bridging("127.0.0.1:1", principal_tickets_per_minute=2, **TOKENS) as bridge:
        statuses = []
        for user in ("ann", "ann", "ann", "bob"):
            status, headers, body = await bought(bridge, user)
            statuses.append(status)
            if status == 429:
                assert body["error"]["message"] == "at most 2 tickets a minute"
                assert 0 < int(headers["Retry-After"]) <= 30
    assert statuses == [200, 200, 429, 200]


async def test_attempts_of_strangers() -> None:
    limits = {"refusals_per_minute": 2, "address_header": "X-Forwarded-For"}
    async with bridging("127.0.0.1:1", **limits, **TOKENS) as bridge:
        stranger = {"X-Forwarded-For": "203.0.113.7"}
        assert (await bought(bridge, "wrong", **stranger))[0] == 401
        assert (await bought(bridge, "ann", **stranger))[0] == 200
        async with bridge.connect("?token=wrong", headers=stranger) as socket:
            assert await socket.closing() == 1008
        status, headers, body = await bought(bridge, "ann", **stranger)
        assert (status, body["error"]["code"]) == (429, "rate_limited")
        assert "without a good token" in body["error"]["message"]
        assert 0 < int(headers["Retry-After"]) <= 30
        with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
            async with bridge.connect("?token=ann", headers=stranger):
                pass
        for others in ({"X-Forwarded-For": "203.0.113.7, 203.0.113.8"}, {}):
            assert (await bought(bridge, "ann", **others))[0] == 200
        for _ in range(3):
            assert (await bought(bridge, "wrong"))[0] == 401, "this machine may be a proxy"


async def bought(bridge: Bridge, token: str, **headers: str) -> tuple[int, Any, Any]:
    """Request a ticket; return status, headers and JSON of the response."""
    shown = {"Authorization": f"Bearer {token}", **headers}
    async with bridge.http.post(f"{bridge.url}{VOICE}/tickets", headers=shown) as answer:
        return answer.status, answer.headers, await answer.json()


async def test_answers() -> None:
    async with (
        serving(principal_turns_per_minute=1) as address,
        VoiceClient(address) as client,
        client.stream(token="ann") as stream,
    ):
        await opened(stream, settings=pb.VoiceSettings(use_browser_tts=True))
        answers = [await answer(stream) for _ in range(BURST_TURNS + 1)]
        assert not any(each.HasField("error") for each in answers[:-1])
        error = answers[-1].error
        assert error.code == pb.ERROR_CODE_RATE_LIMITED
        assert not error.fatal and error.retry_after_ms > 0
        assert "answers a minute" in error.message
        await stream.send(pb.VoiceSessionRequest(ping=pb.Ping()))
        async with asyncio.timeout(PATIENCE_S):
            while not (await received(stream)).HasField("pong"):
                pass


async def answer(stream: VoiceStream) -> pb.VoiceSessionResponse:
    """Send a text; return an error, or the end of its answer."""
    await stream.send(pb.VoiceSessionRequest(text=pb.TextInput(text="and now?")))
    return await settled(stream)


async def settled(stream: VoiceStream) -> pb.VoiceSessionResponse:
    """Return the next error or end of an answer."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            response = await received(stream)
            if response.HasField("error") or response.response.HasField("completed"):
                return response


async def received(stream: VoiceStream) -> pb.VoiceSessionResponse:
    """Return the next response."""
    response = await stream.receive()
    assert response is not None
    return response


async def test_audio_counts_as_decoded() -> None:
    async with (
        serving() as address,
        VoiceClient(address) as client,
        client.stream(token="ann") as stream,
    ):
        await opened(stream, input_audio=PCM)
        second = pb.VoiceSessionRequest(audio=pb.InputAudio(data=bytes(32_000)))
        for _ in range(int(BURST_AUDIO_S) + 30):
            await stream.send(second)
        error = await refusal_on(stream)
        assert error.code == pb.ERROR_CODE_RATE_LIMITED
        assert error.stage == pb.PIPELINE_STAGE_AUDIO_INPUT
        assert not error.fatal and error.retry_after_ms > 0


async def test_messages_end_the_stream_and_not_the_session() -> None:
    async with serving() as address, VoiceClient(address) as client:
        async with client.stream(token="ann") as stream:
            opening = await opened(stream)
            acknowledgement = pb.VoiceSessionRequest(ack=0)
            flood = asyncio.create_task(send_all(stream, acknowledgement, 2 * BURST_MESSAGES))
            with pytest.raises(SessionRefused, match="messages a second") as refused:
                async with asyncio.timeout(2 * PATIENCE_S):
                    while await stream.receive() is not None:
                        pass
            with suppress(VoiceClientError):
                await flood
            assert refused.value.code is ErrorCode.RATE_LIMITED
        resume = pb.ResumeRequest(resume_token=opening.ready.resume_token)
        async with asyncio.timeout(PATIENCE_S):
            async with client.stream(token="ann") as stream:
                assert (await opened(stream, resume=resume)).ready.resumed


async def send_all(stream: VoiceStream, request: pb.VoiceSessionRequest, count: int) -> None:
    """Send a request `count` times, unless the stream ends first."""
    for _ in range(count):
        await stream.send(request)


async def test_who_is_not_asked_for_a_token_has_no_limit() -> None:
    async with (
        OpenAIStandin() as standin,
        open_server(settings_of(standin, principal_max_sessions=1)) as (address, _),
        VoiceClient(address) as client,
        client.stream() as first,
        client.stream() as second,
    ):
        await opened(first)
        await opened(second)
