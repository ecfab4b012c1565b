"""Delivery: what waits is written in order, a resume replays it, the newest stream wins."""

import asyncio

import pytest

from cedar_voice_service.errors import CallerError, CedarVoiceError, Code
from cedar_voice_service.runtime.delivery import Attachment, Delivery, Pong, Ready
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.messages import Message, OutputAudio, ResponseStarted
from cedar_voice_service.session.resume.outbox import Numbered, Outbox
from cedar_voice_service.session.resume.position import ResumePoint
from tests.support.virtual_time import run_virtually

CONFIG = SessionConfig()


class Sending(Delivery):
    """A delivery with its outbox, which a session fills."""

    def __init__(self, max_bytes: int) -> None:
        self.outbox = Outbox(max_bytes)
        super().__init__(self.outbox)

    def send(self, message: Message, turn_id: int) -> None:
        self.outbox.put(message, turn_id=turn_id)
        self.wake()

    def acknowledge(self, sequence: int) -> None:
        self.outbox.acknowledge(sequence)

    def purge_audio(self, response_id: int) -> None:
        self.outbox.purge_audio(response_id)
        self.purge_replayed_audio(response_id)


async def sequences(attachment: Attachment, count: int) -> list[int]:
    items = [await attachment.next() for _ in range(count)]
    return [item.sequence for item in items if isinstance(item, Numbered)]


def test_ready_comes_first_and_notices_before_what_waits() -> None:
    async def scenario() -> None:
        delivery = Sending(1 << 20)
        attachment = delivery.attach(CONFIG)
        delivery.send(ResponseStarted(1, "a"), turn_id=1)
        delivery.notify(Pong(5))
        assert isinstance(await attachment.next(), Ready)
        assert await attachment.next() == Pong(5)
        assert await sequences(attachment, 1) == [1]

    run_virtually(scenario())


def test_a_resume_replays_what_the_client_lacks_and_goes_on() -> None:
    async def scenario() -> None:
        delivery = Sending(1 << 20)
        first = delivery.attach(CONFIG)
        for text in "abc":
            delivery.send(ResponseStarted(1, text), turn_id=1)
        await sequences(first, 4)
        delivery.detach(first)
        delivery.send(ResponseStarted(1, "d"), turn_id=1)
        second = delivery.attach(CONFIG, ResumePoint(1))
        ready = await second.next()
        assert isinstance(ready, Ready) and ready.is_resumed and not ready.is_truncated
        assert await sequences(second, 3) == [2, 3, 4]

    run_virtually(scenario())


def test_what_one_client_has_is_kept_for_another_until_it_is_acknowledged() -> None:
    async def scenario() -> None:
        delivery = Sending(1 << 20)
        first = delivery.attach(CONFIG)
        for text in "abc":
            delivery.send(ResponseStarted(1, text), turn_id=1)
        await sequences(first, 4)
        delivery.attach(CONFIG, ResumePoint(3))
        delivery.send(ResponseStarted(1, "d"), turn_id=1)
        third = delivery.attach(CONFIG, ResumePoint(0))
        ready = await third.next()
        assert isinstance(ready, Ready) and (ready.replayed, ready.is_truncated) == (3, False)
        assert await sequences(third, 4) == [1, 2, 3, 4]
        delivery.acknowledge(2)
        fourth = delivery.attach(CONFIG, ResumePoint(0))
        ready = await fourth.next()
        assert isinstance(ready, Ready) and (ready.replayed, ready.is_truncated) == (2, True)

    run_virtually(scenario())


def test_what_is_no_longer_held_is_said_to_be_missing() -> None:
    async def scenario() -> None:
        delivery = Sending(400)
        first = delivery.attach(CONFIG)
        for _ in range(5):
            delivery.send(ResponseStarted(1, "a"), turn_id=1)
            await first.next()
        second = delivery.attach(CONFIG, ResumePoint(0))
        ready = await second.next()
        assert isinstance(ready, Ready) and ready.is_truncated

    run_virtually(scenario())


def test_the_stream_before_ends_when_another_takes_over() -> None:
    async def scenario() -> None:
        delivery = Sending(1 << 20)
        first = delivery.attach(CONFIG)
        delivery.attach(CONFIG, ResumePoint(0))
        with pytest.raises(CallerError) as error:
            await first.next()
        assert error.value.code is Code.SESSION_TAKEN_OVER
        assert delivery.detach(first) is False

    run_virtually(scenario())


def test_a_client_cannot_have_what_was_never_sent() -> None:
    with pytest.raises(CallerError):
        Sending(1 << 20).attach(CONFIG, ResumePoint(1))


def test_a_stream_that_does_not_read_is_ended() -> None:
    async def scenario() -> None:
        delivery = Sending(1_000)
        attachment = delivery.attach(CONFIG)
        for _ in range(10):
            delivery.send(OutputAudio(1, bytes(200), 0, 10), turn_id=1)
        with pytest.raises(CedarVoiceError) as error:
            await attachment.next()
        assert error.value.code is Code.SLOW_CONSUMER

    run_virtually(scenario())


def test_a_stream_that_takes_nothing_for_a_while_is_ended_and_may_come_back() -> None:
    async def scenario() -> None:
        attachment = Sending(1_000).attach(CONFIG)
        with attachment.written_within(10.0):
            await asyncio.sleep(9.9)
        await asyncio.sleep(10.0)
        assert not attachment.has_failed
        with attachment.written_within(10.0):
            error = await attachment.failure()
        assert error.code is Code.SLOW_CONSUMER and error.retryable

    run_virtually(scenario())


def test_it_finishes_after_everything_is_written() -> None:
    async def scenario() -> None:
        delivery = Sending(1 << 20)
        attachment = delivery.attach(CONFIG)
        delivery.send(ResponseStarted(1, "a"), turn_id=1)
        delivery.finish()
        assert await sequences(attachment, 2) == [1]
        assert await attachment.next() is None

    run_virtually(scenario())


def test_it_can_end_with_an_error_after_everything_is_written() -> None:
    async def scenario() -> None:
        delivery = Sending(1 << 20)
        attachment = delivery.attach(CONFIG)
        delivery.send(ResponseStarted(1, "a"), turn_id=1)
        delivery.finish(CallerError("over", code=Code.UNAVAILABLE))
        assert await sequences(attachment, 2) == [1]
        with pytest.raises(CallerError):
            await attachment.next()
        assert attachment.error is not None and attachment.error.code is Code.UNAVAILABLE

    run_virtually(scenario())


def test_a_stream_that_does_not_read_piles_up_no_notices() -> None:
    async def scenario() -> None:
        delivery = Sending(1 << 20)
        attachment = delivery.attach(CONFIG)
        for number in range(1_000):
            delivery.notify(Ready(SessionConfig(context_json=str(number))))
        assert isinstance(await attachment.next(), Ready)
        newest = await attachment.next()
        assert isinstance(newest, Ready) and newest.config.context_json == "999"
        for number in range(100):
            delivery.notify(Pong(number))
        assert (await attachment.failure()).code is Code.SLOW_CONSUMER

    run_virtually(scenario())


def test_a_stream_that_comes_back_is_not_sent_purged_audio_again() -> None:
    async def scenario() -> None:
        delivery = Sending(1 << 20)
        attachment = delivery.attach(CONFIG)
        delivery.send(OutputAudio(1, b"old", 0, 10), turn_id=1)
        for _ in range(2):
            await attachment.next()
        attachment = delivery.attach(CONFIG, ResumePoint(0))
        await attachment.next()
        delivery.purge_audio(1)
        assert await attachment.next() == Numbered(1, 1, OutputAudio(1, b"", 0, 0))

    run_virtually(scenario())


def test_a_purge_drops_waiting_audio_but_not_the_mark_of_its_end() -> None:
    async def scenario() -> None:
        delivery = Sending(1 << 20)
        attachment = delivery.attach(CONFIG)
        for is_last in (False, True):
            delivery.send(OutputAudio(1, b"old", 0, 10, is_last=is_last), turn_id=1)
        delivery.send(OutputAudio(2, b"new", 0, 10), turn_id=2)
        delivery.purge_audio(1)
        await attachment.next()
        left = [await attachment.next() for _ in range(2)]
        messages = [item.message for item in left if isinstance(item, Numbered)]
        assert messages == [
            OutputAudio(1, b"", 0, 0, is_last=True),
            OutputAudio(2, b"new", 0, 10),
        ]

    run_virtually(scenario())
