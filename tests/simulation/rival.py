"""A second stream of the client's session: the newest wins, the other is notified."""

import asyncio

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import VoiceClientError
from tests.simulation.client import PATIENCE_S, Broken, Client
from tests.simulation.network import Call, Network


async def contest(client: Client, network: Network) -> None:
    """Open the session on a second stream, and end it on the stream that keeps it.

    Raises:
        Broken: both streams keep the session, or neither.
    """
    received: list[pb.VoiceSessionResponse] = []
    async with network.connect(is_harmed=False) as elsewhere, asyncio.TaskGroup() as group:
        await elsewhere.send(
            pb.VoiceSessionRequest(config=pb.SessionConfig(resume=client.position))
        )
        listening = group.create_task(_receive(elsewhere, received))
        losing = group.create_task(client.is_taken_over.wait())
        done, _ = await asyncio.wait(
            (listening, losing), timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED
        )
        if len(done) != 1:
            raise Broken(f"a session continues on {2 - len(done)} streams")
        losing.cancel()
        if listening in done:
            await client.end()
            return
        control = pb.Control(end_session=pb.EndSession())
        await elsewhere.send(pb.VoiceSessionRequest(control=control))
        await listening
    client.add_received(received)


async def _receive(call: Call, received: list[pb.VoiceSessionResponse]) -> None:
    """Receive until the session ends, or is taken over."""
    try:
        while (response := await call.receive()) is not None:
            received.append(response)
    except VoiceClientError as failure:
        if failure.code is not ErrorCode.SESSION_TAKEN_OVER:
            raise
