import asyncio
from typing import cast

import grpc

import cedar_voice.v1 as pb
from cedar_voice_service.incoming import Context, Incoming
from tests.support.virtual_time import run_virtually


class Reads:
    """A call whose reads end when the test wants it."""

    def __init__(self) -> None:
        self.reads: list[asyncio.Future[pb.VoiceSessionRequest]] = []

    async def read(self) -> object:
        self.reads.append(asyncio.get_running_loop().create_future())
        return await self.reads[-1]


def test_a_read_in_progress_is_left_to_the_end_of_the_call() -> None:
    async def scenario() -> None:
        call, taken = Reads(), []
        incoming = Incoming(cast(Context, call))

        async def take() -> None:
            while (request := await incoming.next()) is not None:
                taken.append(request)

        taking = asyncio.create_task(incoming.run_reader(take))
        await asyncio.sleep(0.1)
        call.reads[0].set_result(pb.VoiceSessionRequest(sequence=1))
        await asyncio.sleep(0.1)
        taking.cancel()
        await asyncio.wait((taking,))
        assert not call.reads[1].cancelled()
        call.reads[1].set_exception(grpc.aio.UsageError("RPC already finished."))
        await asyncio.sleep(0.1)
        assert [request.sequence for request in taken] == [1]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(scenario())


def test_what_comes_after_the_end_is_not_taken() -> None:
    async def scenario() -> None:
        call, is_taken = Reads(), False
        incoming = Incoming(cast(Context, call))

        async def take() -> None:
            nonlocal is_taken
            await incoming.next()
            is_taken = True

        taking = asyncio.create_task(incoming.run_reader(take))
        await asyncio.sleep(0.1)
        taking.cancel()
        call.reads[0].set_result(pb.VoiceSessionRequest())
        await asyncio.sleep(0.1)
        assert not is_taken

    run_virtually(scenario())


def test_a_taker_that_is_busy_is_cancelled_at_once() -> None:
    async def scenario() -> None:
        incoming = Incoming(cast(Context, Reads()))
        taking = asyncio.create_task(incoming.run_reader(asyncio.Event().wait))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        taking.cancel()
        await asyncio.sleep(0.1)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtually(scenario())


def test_a_taker_that_fails_fails_who_runs_it() -> None:
    async def scenario() -> None:
        incoming = Incoming(cast(Context, Reads()))

        async def take() -> None:
            raise ValueError

        (outcome,) = await asyncio.gather(incoming.run_reader(take), return_exceptions=True)
        assert isinstance(outcome, ValueError)

    run_virtually(scenario())
