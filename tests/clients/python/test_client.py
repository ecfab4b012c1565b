"""The client: metadata of every call, and calls outside of sessions."""

import grpc
import pytest

import cedar_voice.v1 as pb
from cedar_voice_client import (
    AudioEncoding,
    SessionClosed,
    Unavailable,
    VoiceClient,
)
from cedar_voice_client.enums import PipelineStage
from tests.support.scripted_service import LIMITS, ScriptedService, serving


async def test_the_service_describes_itself() -> None:
    async with serving(ScriptedService()) as address, VoiceClient(address) as client:
        info = await client.service_info()
    assert info.server_info.name == "scripted"
    assert info.engines[0].stage is PipelineStage.STT
    assert info.input_encodings == (AudioEncoding.WAV,)
    assert info.output_encodings == (AudioEncoding.MP3,)
    assert info.limits.max_audio_chunk_bytes == LIMITS.max_audio_chunk_bytes


async def test_an_absent_service_is_unavailable() -> None:
    async with serving(ScriptedService()) as address:
        pass
    async with VoiceClient(address) as client:
        with pytest.raises(Unavailable) as caught:
            await client.service_info()
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("token", "header"), [(None, None), ("secret", "Bearer secret")], ids=["none", "token"]
)
async def test_the_token_travels_with_every_call(token: str | None, header: str | None) -> None:
    service = ScriptedService()
    async with serving(service) as address, VoiceClient(address, token=token) as client:
        await client.service_info()
        async with client.session():
            pass
    assert [metadata.get("authorization") for metadata in service.metadata] == [header, header]


async def test_a_call_may_have_a_token_of_its_own() -> None:
    service = ScriptedService()
    async with (
        serving(service) as address,
        VoiceClient(address, token="of all") as client,
        client.stream(token="of one") as stream,
    ):
        await stream.send(pb.VoiceSessionRequest(config=pb.SessionConfig()))
        await stream.receive()
    assert [metadata.get("authorization") for metadata in service.metadata] == ["Bearer of one"]


async def test_credentials_of_the_callers_own() -> None:
    service = ScriptedService()
    async with (
        serving(service, grpc.local_server_credentials()) as address,
        VoiceClient(address, tls=grpc.local_channel_credentials()) as client,
    ):
        assert (await client.service_info()).server_info.name == "scripted"


async def test_tls_refuses_a_server_that_speaks_none() -> None:
    async with serving(ScriptedService()) as address, VoiceClient(address, tls=True) as client:
        with pytest.raises(Unavailable):
            await client.service_info()


async def test_use_outside_the_context_is_refused() -> None:
    client = VoiceClient()
    with pytest.raises(SessionClosed, match="async with"):
        await client.service_info()
    async with client:
        pass
    with pytest.raises(SessionClosed):
        await client.service_info()
