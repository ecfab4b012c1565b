"""Coming back to a session of the service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

import cedar_voice.v1 as pb
from cedar_voice_bridge.callers import Caller
from cedar_voice_bridge.credentials import Identity
from cedar_voice_bridge.sessions import Sessions
from cedar_voice_client import VoiceClient
from tests.support.bridge import PATIENCE_S
from tests.support.scripted_service import Conversation, ScriptedService, serving


class Registry:
    """Sessions by name, as the service keeps them: resumable by token, one holder of a name."""

    def __init__(self) -> None:
        self.opened: list[pb.SessionConfig] = []
        self.names: set[str] = set()

    async def talk(self, talk: Conversation) -> None:
        """The script of one stream."""
        request = await talk.hear()
        assert request is not None
        config = request.config
        self.opened.append(config)
        token = config.resume.resume_token
        if config.HasField("resume") and token.removeprefix("of ") not in self.names:
            error = pb.Error(code=pb.ERROR_CODE_SESSION_NOT_FOUND, message="gone")
            await talk.fail(grpc.StatusCode.NOT_FOUND, error)
        if config.session_id in self.names:
            error = pb.Error(code=pb.ERROR_CODE_SESSION_ID_IN_USE, message="held")
            await talk.fail(grpc.StatusCode.ALREADY_EXISTS, error)
        name = token.removeprefix("of ") or config.session_id or "unnamed"
        self.names.add(name)
        ready = pb.SessionReady(session_id=name, resume_token=f"of {name}", resumed=bool(token))
        await talk.say(is_numbered=False, ready=ready)
        for text in ("one", "two"):
            await talk.say(transcription=pb.Transcription(text=text))
        while await talk.hear() is not None:
            pass


@asynccontextmanager
async def opening() -> AsyncIterator[tuple[Registry, Sessions]]:
    """A service that keeps sessions, and who opens them."""
    registry = Registry()
    async with serving(ScriptedService(registry.talk)) as address, VoiceClient(address) as client:
        yield registry, Sessions(client, open_timeout_s=PATIENCE_S)


async def opened(sessions: Sessions, token: str | None = None) -> pb.SessionReady:
    """The `ready` of a stream that delivers a little and is left."""
    config = pb.SessionConfig(session_id="mine")
    async with sessions.open(config, Caller(token, Identity(token or ""))) as session:
        for _ in range(2):
            response = await session.receive()
            assert response is not None
            session.delivered(response)
        return session.opening.ready


async def test_who_comes_back_gets_the_session_where_it_was() -> None:
    async with opening() as (registry, sessions):
        assert not (await opened(sessions)).resumed
        assert (await opened(sessions)).resumed
    resume = registry.opened[1].resume
    assert (resume.resume_token, resume.last_received_sequence) == ("of mine", 2)


async def test_a_session_that_has_gone_begins_anew() -> None:
    async with opening() as (registry, sessions):
        await opened(sessions)
        registry.names.clear()
        ready = await opened(sessions)
    assert (ready.session_id, ready.resumed) == ("mine", False)


async def test_a_name_that_somebody_else_holds_is_not_refused() -> None:
    async with opening() as (registry, sessions):
        registry.names.add("mine")
        ready = await opened(sessions)
        assert (ready.session_id, ready.resumed) == ("unnamed", False)
        assert (await opened(sessions)).resumed


async def test_a_session_belongs_to_its_token() -> None:
    async with opening() as (_, sessions):
        await opened(sessions, "one")
        ready = await opened(sessions, "two")
    assert (ready.session_id, ready.resumed) == ("unnamed", False)
