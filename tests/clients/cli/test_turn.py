"""One turn of `talk` that one side ends before the other expects it."""

import asyncio
from io import StringIO
from pathlib import Path

import grpc
import pytest
from rich.console import Console

import cedar_voice.v1 as pb
from cedar_voice_cli.answer_file import AnswerFile
from cedar_voice_cli.screen import PlainScreen
from cedar_voice_cli.sources import Source, SourceError
from cedar_voice_cli.turn import run_turn
from cedar_voice_client import Unavailable, VoiceClient, VoiceSession
from tests.support.scripted_service import (
    Conversation,
    Script,
    ScriptedService,
    answer,
    converse,
    serving,
)


async def is_answered(script: Script, source: Source, tmp_path: Path) -> bool:
    screen = PlainScreen(Console(file=StringIO()))
    async with (
        asyncio.timeout(10),
        serving(ScriptedService(script)) as address,
        VoiceClient(address) as client,
        client.session() as session,
    ):
        return await run_turn(session, source, screen, AnswerFile(tmp_path / "answer.wav"))


async def endless(session: VoiceSession) -> None:
    await session.send_audio(b"x")
    await asyncio.Event().wait()


async def test_a_server_that_ends_the_session_stops_the_source(tmp_path: Path) -> None:
    async def leave(talk: Conversation) -> None:
        await talk.open()
        await talk.hear()

    assert not await is_answered(leave, endless, tmp_path)


async def test_a_session_that_breaks_stops_the_source(tmp_path: Path) -> None:
    async def break_off(talk: Conversation) -> None:
        await talk.open()
        await talk.hear()
        error = pb.Error(code=pb.ERROR_CODE_UNAVAILABLE, message="shutting down")
        await talk.fail(grpc.StatusCode.UNAVAILABLE, error)

    with pytest.raises(Unavailable, match="shutting down"):
        await is_answered(break_off, endless, tmp_path)


async def test_a_source_that_fails_ends_the_turn(tmp_path: Path) -> None:
    async def unplugged(session: VoiceSession) -> None:
        raise SourceError("the microphone is gone")

    with pytest.raises(SourceError, match="gone"):
        await is_answered(converse, unplugged, tmp_path)


async def test_sending_after_the_end_is_no_failure(tmp_path: Path) -> None:
    async def answer_at_once(talk: Conversation) -> None:
        await talk.open()
        await answer(talk, 1, "enough")

    async def talkative(session: VoiceSession) -> None:
        while True:
            await session.send_audio(bytes(1_000))

    for _ in range(5):
        assert await is_answered(answer_at_once, talkative, tmp_path)
