"""A session over broken streams, in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self

import pytest

import cedar_voice.v1 as pb
from cedar_voice_client import (
    ErrorCode,
    Recovery,
    SessionClosed,
    SessionLost,
    SessionRefused,
    Unavailable,
    VoiceClientError,
)
from cedar_voice_client.recovery.outage import MAX_RESTORES
from cedar_voice_client.recovery.recovery_state import HEARTBEAT_AT_MS
from cedar_voice_client.recovery.resuming_stream import RESERVED_SEQUENCES, ResumingStream
from tests.support.virtual_time import run_virtually

RECOVERY = Recovery(give_up_after_s=60, first_wait_s=0.5, max_wait_s=8, ping_after_s=5)
GONE = Unavailable("gone", code=ErrorCode.UNAVAILABLE, retryable=True)
UNKNOWN = SessionRefused("no such session", code=ErrorCode.SESSION_NOT_FOUND)


class FakeStream:
    """A stream with the test as its server."""

    is_sending = False

    def __init__(self, refusal: VoiceClientError | None = None, **ready: Any) -> None:
        self.sent: list[pb.VoiceSessionRequest] = []
        self.is_left = False
        self._refusal = refusal
        self._ready = ready
        self._down: asyncio.Queue[pb.VoiceSessionResponse | VoiceClientError] = asyncio.Queue()
        self._term = ready.pop("term", 1)
        self._ack = ready.pop("ack", 0)
        self.breaks_at_once = False
        self._reading: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_left = True

    async def send(self, request: pb.VoiceSessionRequest) -> None:
        if self._refusal is not None and self.sent:
            raise self._refusal
        sent = pb.VoiceSessionRequest()
        sent.CopyFrom(request)
        self.sent.append(sent)
        if len(self.sent) == 1 and self._refusal is None:
            ready = pb.SessionReady(session_id="mine", resume_token="secret", **self._ready)
            self.deliver(ready=ready, ack=self._ack)
            if self.breaks_at_once:
                self.fail(GONE)

    async def done_sending(self) -> None:
        pass

    async def receive(self) -> pb.VoiceSessionResponse:
        if self._refusal is not None:
            raise self._refusal
        received = await self._down.get()
        if isinstance(received, VoiceClientError):
            raise received
        return received

    def deliver(self, **message: Any) -> None:
        self._down.put_nowait(pb.VoiceSessionResponse(term=self._term, **message))

    def fail(self, failure: VoiceClientError) -> None:
        self._down.put_nowait(failure)

    @property
    def numbers(self) -> list[int]:
        return [request.sequence for request in self.sent if request.sequence]


Story = Callable[[ResumingStream], Coroutine[Any, Any, None]]


def over(
    *streams: FakeStream, recovery: Recovery | None = RECOVERY, **options: Any
) -> Callable[[Story], None]:
    """Return a function that runs a story of a session over these streams, in this order."""

    def run(story: Story) -> None:
        async def scenario() -> None:
            rest = iter(streams)
            clock_s = asyncio.get_running_loop().time
            async with ResumingStream(
                lambda: next(rest),  # type: ignore[arg-type, return-value]
                recovery,
                clock_s=clock_s,
                draw=lambda: 1.0,
                **options,
            ) as session:
                await session.open(pb.SessionConfig(session_id="mine"))
                await story(session)

        run_virtually(scenario())

    return run


def audio(data: bytes = b"x") -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(audio=pb.InputAudio(data=data))


def text() -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(text=pb.TextInput(text="hello"))


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_only_messages_that_were_not_received_are_sent_again() -> None:
    first, second = FakeStream(), FakeStream(resumed=True, ack=2)

    async def story(session: ResumingStream) -> None:
        for _ in range(3):
            await session.send(audio())
        first.deliver(sequence=1, ack=1, transcription=pb.Transcription(text="a"))
        assert (await session.receive()).sequence == 1  # type: ignore[union-attr]
        first.fail(GONE)
        receiving = asyncio.create_task(session.receive())
        await session.send(audio())
        ready = await receiving
        assert ready is not None and ready.ready.resumed
        second.deliver(sequence=1, transcription=pb.Transcription(text="a"))
        second.deliver(sequence=2, transcription=pb.Transcription(text="ab"))
        assert (await session.receive()).sequence == 2  # type: ignore[union-attr]

    over(first, second)(story)
    assert first.numbers == [1, 2, 3, 4]
    assert second.numbers == [3, 4]
    assert first.is_left
    resume = second.sent[0].config.resume
    assert (resume.resume_token, resume.last_received_sequence, resume.term) == ("secret", 1, 1)


def test_events_that_other_readers_still_need_are_not_acknowledged() -> None:
    first, second = FakeStream(), FakeStream(resumed=True, ack=2)

    async def story(session: ResumingStream) -> None:
        for sequence in range(1, 4):
            first.deliver(sequence=sequence, transcription=pb.Transcription(text="a"))
            await session.receive()
        await session.send(audio())
        first.fail(GONE)
        assert (await session.receive()).ready.resumed  # type: ignore[union-attr]
        for _ in range(2):
            await session.send(audio())

    over(first, second, done_with=lambda: 2)(story)
    assert first.sent[-1].ack == second.sent[-1].ack == 2
    assert second.sent[0].config.resume.last_received_sequence == 3


def test_a_resumed_session_leaves_sequence_numbers_to_its_previous_client() -> None:
    stream = FakeStream(resumed=True, ack=7)

    async def story(session: ResumingStream) -> None:
        await session.send(audio())

    over(stream)(story)
    assert stream.numbers == [7 + RESERVED_SEQUENCES + 1]


def test_a_refusal_before_the_first_message_is_accepted_raises_its_reason() -> None:
    class Refused(FakeStream):
        async def send(self, request: pb.VoiceSessionRequest) -> None:
            raise SessionClosed

    refused = Refused()
    refused.deliver(error=pb.Error(code=pb.ERROR_CODE_RATE_LIMITED, message="too many"))

    async def story(session: ResumingStream) -> None:
        raise AssertionError("the session was opened")

    with pytest.raises(SessionRefused, match="too many"):
        over(refused)(story)


def test_a_lost_session_is_restored_with_every_message_that_is_not_durable() -> None:
    first, refused = FakeStream(), FakeStream(UNKNOWN)
    second = FakeStream(restored=True, term=2)

    async def story(session: ResumingStream) -> None:
        for _ in range(3):
            await session.send(audio())
        first.deliver(sequence=1, ack=3, durable=1, turn_id=1, speech=pb.SpeechActivity())
        await session.receive()
        first.fail(GONE)
        ready = await session.receive()
        assert ready is not None and ready.ready.restored and ready.term == 2
        assert session.restored.lost_audio_bytes == 0

    over(first, refused, second)(story)
    assert second.numbers == [1, 2, 3]
    assert [request.WhichOneof("payload") for request in second.sent[1:]] == [
        None,
        "audio",
        "audio",
    ]
    assert second.sent[0].config.resume.restore and second.sent[0].config.session_id == "mine"


def test_a_session_is_not_restored_when_that_is_switched_off() -> None:
    async def story(session: ResumingStream) -> None:
        first.fail(GONE)
        with pytest.raises(SessionLost):
            await session.receive()
        with pytest.raises(SessionLost):
            await session.send(text())

    first = FakeStream()
    over(first, FakeStream(UNKNOWN), recovery=Recovery(restore=False))(story)


def test_a_session_that_breaks_each_service_is_given_up() -> None:
    first = FakeStream()
    later = [FakeStream(restored=True, term=term) for term in range(2, MAX_RESTORES + 3)]
    streams = [first]
    for stream in later:
        streams += [FakeStream(UNKNOWN), stream]

    async def story(session: ResumingStream) -> None:
        first.fail(GONE)
        for stream in later:
            stream.breaks_at_once = True
        with pytest.raises(SessionLost):
            while True:
                await session.receive()

    over(*streams)(story)
    assert sum(bool(stream.sent) for stream in later) == MAX_RESTORES


def test_a_quiet_session_survives_any_number_of_services() -> None:
    first = FakeStream()
    later = [FakeStream(restored=True, term=term) for term in range(2, MAX_RESTORES + 4)]
    streams = [first]
    for stream in later:
        streams += [FakeStream(UNKNOWN), stream]

    async def story(session: ResumingStream) -> None:
        first.fail(GONE)
        for stream in later:
            ready = await session.receive()
            assert ready is not None and ready.ready.restored
            stream.deliver(pong=pb.Pong(ping_sent_at_ms=HEARTBEAT_AT_MS))
            stream.fail(GONE)
            if stream is later[-1]:
                return

    over(*streams)(story)
    assert all(stream.sent for stream in later)


def test_a_silent_stream_is_probed_and_replaced() -> None:
    first, second = FakeStream(), FakeStream(resumed=True)

    async def story(session: ResumingStream) -> None:
        ready = await session.receive()
        assert ready is not None and ready.HasField("ready")
        assert now_s() <= 15

    over(first, second)(story)
    assert [request.WhichOneof("payload") for request in first.sent] == ["config", "ping"]
    assert first.is_left


def test_a_quiet_stream_that_answers_is_kept() -> None:
    first = FakeStream()

    async def story(session: ResumingStream) -> None:
        receiving = asyncio.create_task(session.receive())
        for _ in range(10):
            await asyncio.sleep(6)
            first.deliver(pong=pb.Pong(ping_sent_at_ms=first.sent[-1].ping.sent_at_ms))
        await asyncio.sleep(1)
        assert not receiving.done()  # the answers to probes are not delivered
        receiving.cancel()

    over(first)(story)
    assert not [request for request in first.sent[1:] if not request.HasField("ping")]


def test_waits_double_up_to_a_bound_and_respect_the_hint_of_the_server() -> None:
    busy = Unavailable("later", code=ErrorCode.UNAVAILABLE, retryable=True, retry_after_ms=20_000)
    streams = [FakeStream(), *(FakeStream(GONE) for _ in range(5)), FakeStream(busy)]
    opened_at_s: list[float] = []

    class Noted(FakeStream):
        async def __aenter__(self) -> Self:
            opened_at_s.append(now_s())
            return self

    last = Noted(resumed=True)

    async def story(session: ResumingStream) -> None:
        streams[0].fail(GONE)
        await session.receive()

    over(*streams, last)(story)
    assert opened_at_s == [0.5 + 1 + 2 + 4 + 8 + 8 + 20]


def test_an_absent_service_is_given_up_with_the_last_error() -> None:
    first = FakeStream()

    async def story(session: ResumingStream) -> None:
        first.fail(GONE)
        with pytest.raises(Unavailable, match="gone"):
            await session.receive()
        assert 60 <= now_s() <= 80

    over(first, *(FakeStream(GONE) for _ in range(50)))(story)


def test_a_session_that_another_stream_has_taken_over_is_not_resumed() -> None:
    first = FakeStream()
    taken = SessionRefused("moved", code=ErrorCode.SESSION_TAKEN_OVER)

    async def story(session: ResumingStream) -> None:
        first.fail(taken)
        with pytest.raises(SessionRefused, match="moved"):
            await session.receive()

    over(first)(story)


def test_without_recovery_the_first_break_is_the_end() -> None:
    first = FakeStream()

    async def story(session: ResumingStream) -> None:
        first.fail(GONE)
        with pytest.raises(Unavailable):
            await session.receive()

    over(first, recovery=None)(story)


def test_missing_events_break_the_stream_unless_the_replay_was_truncated() -> None:
    first = FakeStream()
    second = FakeStream(resumed=True, replay_truncated=True)

    async def story(session: ResumingStream) -> None:
        first.deliver(sequence=3, transcription=pb.Transcription(text="c"))
        ready = await session.receive()
        assert ready is not None and ready.ready.replay_truncated
        second.deliver(sequence=3, transcription=pb.Transcription(text="c"))
        assert (await session.receive()).sequence == 3  # type: ignore[union-attr]

    over(first, second)(story)


def test_audio_dropped_from_the_buffer_is_reported() -> None:
    first, second = FakeStream(), FakeStream(resumed=True)

    async def story(session: ResumingStream) -> None:
        first.fail(GONE)
        receiving = asyncio.create_task(session.receive())
        await asyncio.sleep(0)
        for _ in range(5):
            await session.send(audio(bytes(1_000)))
        await receiving
        assert session.restored.lost_audio_bytes == 3_000

    over(first, second, recovery=Recovery(max_audio_bytes=2_500))(story)
    assert second.numbers == [4, 5]


def test_a_receive_that_is_cancelled_while_the_service_is_away_loses_nothing() -> None:
    first, second = FakeStream(), FakeStream(resumed=True)

    async def story(session: ResumingStream) -> None:
        first.fail(GONE)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await session.receive()
        ready = await session.receive()
        assert ready is not None and ready.ready.resumed
        assert now_s() == 0.5

    over(first, second)(story)


def test_a_ping_lost_with_its_stream_is_sent_again() -> None:
    first, second = FakeStream(), FakeStream(resumed=True)

    async def story(session: ResumingStream) -> None:
        await session.send(pb.VoiceSessionRequest(ping=pb.Ping(sent_at_ms=7)))
        first.deliver(pong=pb.Pong(ping_sent_at_ms=HEARTBEAT_AT_MS))
        first.fail(GONE)
        await session.receive()
        second.deliver(pong=pb.Pong(ping_sent_at_ms=7))
        pong = await session.receive()
        assert pong is not None and pong.pong.ping_sent_at_ms == 7

    over(first, second)(story)
    assert second.sent[-1].ping.sent_at_ms == 7


def test_the_preamble_is_sent_again_until_a_restored_session_has_received_it() -> None:
    first, refused = FakeStream(), FakeStream(UNKNOWN)
    second, third = FakeStream(restored=True, term=2), FakeStream(resumed=True, term=2)
    fourth = FakeStream(resumed=True, term=2)

    async def story(session: ResumingStream) -> None:
        started = pb.ResponseEvent(response_id=1, started=pb.ResponseStarted(user_text="and you?"))
        first.deliver(sequence=1, turn_id=1, response=started)
        await session.receive()
        first.fail(GONE)
        second.breaks_at_once = True
        while (event := await session.receive()) is not None and not event.ready.resumed:
            pass
        again = pb.ResponseEvent(response_id=2, started=pb.ResponseStarted())
        third.deliver(sequence=2, turn_id=1, response=again)
        await session.receive()
        third.fail(GONE)
        await session.receive()

    over(first, refused, second, third, fourth)(story)
    requested = [
        [request.control.HasField("create_response") for request in stream.sent[1:]]
        for stream in (second, third, fourth)
    ]
    assert requested == [[True], [True], []]


def test_a_receive_that_is_cancelled_as_the_stream_breaks_loses_nothing() -> None:
    second = FakeStream(resumed=True)

    class Lingering(FakeStream):
        async def __aexit__(self, *_: object) -> None:
            await asyncio.sleep(1)

    first = Lingering()

    async def story(session: ResumingStream) -> None:
        first.fail(GONE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await session.receive()
        ready = await session.receive()
        assert ready is not None and ready.ready.resumed

    over(first, second)(story)
