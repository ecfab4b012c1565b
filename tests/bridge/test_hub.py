"""Shared sessions: one stream of the service for all that a browser has open."""

import asyncio

import aiohttp
import grpc
import pytest

import cedar_voice.v1 as pb
from tests.support.bridge import PATIENCE_S, bridging
from tests.support.http_clients import VOICE, event_source, form, post
from tests.support.scripted_service import Conversation, ScriptedService, converse, serving

UPLOAD = f"{VOICE}/stream"
WEBM = b"\x1a\x45\xdf\xa3 and so on"


def chunk(session_id: str, audio: bytes = WEBM, **more: str) -> aiohttp.FormData:
    """One upload."""
    return form(**{"audioChunk": audio, "isComplete": "false", "sessionId": session_id, **more})


async def test_a_session_has_one_stream_however_much_is_open() -> None:
    service = ScriptedService()
    async with (
        serving(service) as address,
        bridging(address) as bridge,
        bridge.connect("?sessionId=one", path="/"),
        event_source(bridge, "one"),
        event_source(bridge, "one"),
    ):
        uploads = [post(bridge, UPLOAD, chunk("one")) for _ in range(6)]
        assert {status for status, _ in await asyncio.gather(*uploads)} == {200}
    assert len(service.conversations) == 1
    sequences = [request.sequence for request in service.conversations[0].requests[1:]]
    numbered = [sequence for sequence in sequences if sequence]
    assert numbered == list(range(1, len(numbered) + 1))


async def test_settings_that_stay_the_same_are_said_once() -> None:
    service = ScriptedService()
    async with serving(service) as address, bridging(address) as bridge:
        for language in ("en-US", "en-US", "fr-FR", "fr-FR"):
            settings = f'{{"language":"{language}"}}'
            await post(bridge, UPLOAD, chunk("said", settings=settings))
    said = [
        request.config.settings.language
        for request in service.conversations[0].requests[1:]
        if request.HasField("config")
    ]
    assert said == ["en-US", "fr-FR"]


async def test_a_stream_that_breaks_is_opened_again_under_an_open_event_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cedar_voice_bridge.hub.RECONNECT_AFTER_S", (0.01,) * 4)
    is_broken = False

    async def break_once(talk: Conversation) -> None:
        nonlocal is_broken
        if is_broken:
            return await converse(talk)
        is_broken = True
        await talk.open()
        await talk.hear()
        error = pb.Error(code=pb.ERROR_CODE_UNAVAILABLE, message="going", retryable=True)
        return await talk.fail(grpc.StatusCode.UNAVAILABLE, error)

    service = ScriptedService(break_once)
    async with (
        serving(service) as address,
        bridging(address) as bridge,
        event_source(bridge, "hurt") as events,
    ):
        status, _ = await post(bridge, UPLOAD, chunk("hurt"))
        assert status == 503
        assert (await post(bridge, UPLOAD, chunk("hurt", isComplete="true")))[0] == 200
        assert (await events.until("complete"))["response"]
        assert not events.of("error")


async def test_a_session_that_cannot_be_held_is_told_before_its_stream_ends() -> None:
    async def refuse(talk: Conversation) -> None:
        await talk.open()
        error = pb.Error(code=pb.ERROR_CODE_SESSION_TAKEN_OVER, message="moved")
        await talk.fail(grpc.StatusCode.ABORTED, error)

    async with (
        serving(ScriptedService(refuse)) as address,
        bridging(address) as bridge,
        event_source(bridge, "moved") as events,
    ):
        assert (await events.until("error"))["message"] == "moved"
        await events.until("complete")
        assert await events.next() is None


async def test_a_session_that_nobody_uses_is_ended() -> None:
    ended = asyncio.Event()

    async def note_the_end(talk: Conversation) -> None:
        await converse(talk)
        ended.set()

    service = ScriptedService(note_the_end)
    async with serving(service) as address, bridging(address, session_idle_ms=100) as bridge:
        await post(bridge, UPLOAD, chunk("idle"))
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()
        assert service.conversations[0].requests[-1].control.HasField("end_session")
        assert (await post(bridge, UPLOAD, chunk("idle")))[0] == 200
        assert len(service.conversations) == 2


async def test_tokens_keep_sessions_of_one_name_apart() -> None:
    service = ScriptedService()
    async with serving(service) as address, bridging(address) as bridge:
        for token in ("ada", "ben"):
            headers = {"Authorization": f"Bearer {token}"}
            await post(bridge, UPLOAD, chunk("same"), headers=headers)
    assert [metadata["authorization"] for metadata in service.metadata] == [
        "Bearer ada",
        "Bearer ben",
    ]
