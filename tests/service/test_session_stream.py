import asyncio
from typing import Any, cast

from cedar_voice_service.incoming import Incoming
from cedar_voice_service.runtime.delivery import Attachment
from cedar_voice_service.runtime.running_session import RunningSession
from cedar_voice_service.session import events as on
from cedar_voice_service.session.events import ClientMessage
from cedar_voice_service.session.resume.outbox import Outbox
from cedar_voice_service.session_stream import HALF_CLOSE_GRACE_S, SessionStream
from tests.support.virtual_time import VirtualTimeLoop, run_virtually


class Runner:
    """Notes what it is handed over."""

    def __init__(self) -> None:
        self.received: list[ClientMessage] = []

    async def receive(self, received: ClientMessage) -> None:
        self.received.append(received)


async def nothing() -> None:
    """A client that says nothing more."""


def reading(runner: Runner) -> asyncio.Task[None]:
    """The reading side of a stream whose client has just ended, in one way or the other."""
    unused: Any = None
    stream = SessionStream(
        unused,
        cast(RunningSession, runner),
        Attachment(Outbox(1 << 20), []),
        quota=unused,
        expiry=unused,
        options=unused,
    )
    return asyncio.create_task(stream._read(Incoming(unused), nothing))


def test_a_client_that_has_half_closed_has_finished() -> None:
    async def scenario() -> None:
        runner = Runner()
        await reading(runner)
        assert runner.received == [ClientMessage(on.InputEnded())]

    run_virtually(scenario())


def test_a_client_that_is_gone_has_not_though_the_process_stood_still_meanwhile() -> None:
    async def scenario() -> None:
        runner = Runner()
        task = reading(runner)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        await asyncio.sleep(HALF_CLOSE_GRACE_S / 2)
        loop.hold(1.0)
        loop.call_later(HALF_CLOSE_GRACE_S / 5, task.cancel)
        await asyncio.wait((task,))
        assert runner.received == []

    run_virtually(scenario())
