"""Coming back to a session of the service, in the same bridge or another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.sessions.service_session import ServiceSession, ServiceSessions, secret_of
from cedar_voice_client import VoiceClient
from cedar_voice_service.server import open_server
from cedar_voice_shared.credentials import Identity
from tests.support.bridge import PATIENCE_S
from tests.support.identities import AUDIENCE, KEY, signed
from tests.support.service import LOCAL, settings

SILENT = pb.VoiceSettings(use_browser_tts=True)
NAMED = pb.SessionConfig(session_id="mine", settings=SILENT)
TRUST = {"jwt_key": KEY, "jwt_audience": (AUDIENCE,)}
ANN, BOB = (Caller(signed(name, exp=2**32), Identity(name)) for name in ("ann", "bob"))


@asynccontextmanager
async def service() -> AsyncIterator[VoiceClient]:
    """A service that knows its users, and a channel to it."""
    async with (
        open_server(settings(**LOCAL, **TRUST)) as (address, _),
        VoiceClient(address) as client,
    ):
        yield client


def bridge(client: VoiceClient) -> ServiceSessions:
    """What a bridge process has of it: nothing but the way to the service."""
    return ServiceSessions(client, open_timeout_s=PATIENCE_S)


async def type_into(session: ServiceSession, text: str) -> list[int]:
    """Type something; the places of what is heard until the turn is over."""
    await session.send(pb.VoiceSessionRequest(text=pb.TextInput(text=text)))
    heard: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while (response := await session.receive()) is not None:
            heard += [response.sequence] if response.sequence else []
            if response.HasField("metrics"):
                break
    return heard


async def type_words(client: VoiceClient) -> list[int]:
    """Open the session of Ann, type something; the places of what the first bridge hears."""
    async with bridge(client).open(NAMED, ANN, done_with=lambda: 0) as session:
        assert not session.opening.ready.resumed
        return await type_into(session, "hello")


async def test_another_bridge_gets_the_same_session_and_hears_all_of_it_again() -> None:
    async with service() as client:
        heard = await type_words(client)
        async with bridge(client).open(NAMED, ANN) as session:
            ready = session.opening.ready
            assert (ready.session_id, ready.resumed, ready.restored) == ("mine", True, False)
            again = await session.replayed()
    assert [response.sequence for response in again] == heard == list(range(1, len(heard) + 1))


async def test_what_is_said_by_another_bridge_is_not_taken_for_what_was_said_before() -> None:
    async with service() as client:
        await type_words(client)
        async with bridge(client).open(NAMED, ANN) as session:
            await session.replayed()
            await session.send(pb.VoiceSessionRequest(text=pb.TextInput(text="again")))
            while (response := await session.receive()) is not None:
                if response.response.HasField("started"):
                    break
    assert response is not None and response.turn_id == 2


async def test_a_service_that_dies_later_is_told_all_that_was_said_by_the_bridge_before() -> None:
    async with AsyncExitStack() as life:
        address, _ = await life.enter_async_context(open_server(settings(**LOCAL, **TRUST)))
        async with VoiceClient(address) as client, bridge(client).open(NAMED, ANN) as first:
            for text in ("one", "two", "three"):
                await type_into(first, text)
        async with VoiceClient(address) as client, bridge(client).open(NAMED, ANN) as second:
            replayed = await second.replayed()
            assert {response.turn_id for response in replayed} == {3}  # the rest is acknowledged
            await life.aclose()
            async with open_server(settings(**LOCAL, **TRUST, grpc_address=address)):
                await type_into(second, "four")
                known = await client.conversation("mine", token=ANN.token)
    assert known.term == 2
    said = [item.user.text for item in known.items if item.HasField("user")]
    assert said == ["one", "two", "three", "four"]


async def test_the_session_of_a_name_is_that_of_its_user() -> None:
    async with service() as client:
        await type_words(client)
        async with bridge(client).open(NAMED, BOB) as session:
            ready = session.opening.ready
            assert (ready.session_id, ready.resumed) == ("mine", False)
            assert not ready.replayed


async def test_a_name_that_a_program_holds_is_left_to_it() -> None:
    async with service() as client, client.stream(token=ANN.token) as program:
        await program.send(pb.VoiceSessionRequest(config=NAMED))
        opening = await program.receive()
        assert opening is not None and opening.ready.session_id == "mine"
        for is_known in (False, True):
            async with bridge(client).open(NAMED, ANN) as session:
                ready = session.opening.ready
                assert (ready.session_id != "mine", ready.resumed) == (True, is_known)


def test_secrets_are_of_names_alone_and_as_long_as_they_have_to_be() -> None:
    assert secret_of("mine") == secret_of("mine") != secret_of("yours")
    assert 32 <= len(secret_of("")) <= 128
