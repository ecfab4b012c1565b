"""A second stream of the client's session, opened elsewhere: the newest wins, the other is told."""

import asyncio

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import VoiceClientError
from tests.simulation.client import PATIENCE_S, Broken, Client
from tests.simulation.network import Call, Network


async def contest(client: Client, network: Network) -> None:
    """Open the session elsewhere, and end it from where it goes on.

    Raises:
        Broken: it goes on in two places, or in none.
    """
    heard: list[pb.VoiceSessionResponse] = []
    async with network.connect(is_harmed=False) as elsewhere, asyncio.TaskGroup() as group:
        await elsewhere.send(pb.VoiceSessionRequest(config=pb.SessionConfig(resume=client.place)))
        listening = group.create_task(_listen(elsewhere, heard))
        losing = group.create_task(client.is_taken_over.wait())
        done, _ = await asyncio.wait(
            (listening, losing), timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED
        )
        if len(done) != 1:
            raise Broken(f"a session goes on in {2 - len(done)} places")
        losing.cancel()
        if listening in done:
            await client.end()
            return
        control = pb.Control(end_session=pb.EndSession())
        await elsewhere.send(pb.VoiceSessionRequest(control=control))
        await listening
    client.go_on_with(heard)


async def _listen(call: Call, heard: list[pb.VoiceSessionResponse]) -> None:
    """Listen until the session ends, or goes on elsewhere."""
    try:
        while (response := await call.receive()) is not None:
            heard.append(response)
    except VoiceClientError as told:
        if told.code is not ErrorCode.SESSION_TAKEN_OVER:
            raise
