"""A conversation over real gRPC with a scripted service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

import cedar_voice.v1 as pb
from cedar_voice_client import (
    AudioEncoding,
    AudioFormat,
    ErrorCode,
    InvalidRequest,
    ServerFailed,
    SessionClosed,
    SessionOptions,
    SessionRefused,
    Unavailable,
    VoiceClient,
    VoiceSession,
    events,
)
from cedar_voice_client.enums import FinishReason, InterruptionReason, PipelineStage
from cedar_voice_client.recovery.link import ACKNOWLEDGE_EVERY
from tests.support.scripted_service import (
    ANSWER_AUDIO,
    LIMITS,
    Conversation,
    ScriptedService,
    serving,
)


@asynccontextmanager
async def session_with(
    service: ScriptedService, options: SessionOptions | None = None
) -> AsyncIterator[VoiceSession]:
    async with (
        serving(service) as address,
        VoiceClient(address) as client,
        client.session(options) as session,
    ):
        yield session


async def turn(session: VoiceSession) -> list[events.Event]:
    """Return the events up to the end of a turn."""
    heard = []
    async for event in session:
        heard.append(event)
        if isinstance(event, events.TurnMetrics):
            break
    return heard


async def test_a_spoken_turn() -> None:
    service = ScriptedService()
    async with session_with(
        service, SessionOptions(session_id="mine", language="de-DE")
    ) as session:
        assert session.ready.session_id == "mine"
        assert session.ready.settings.language == "de-DE"
        assert session.ready.server_info.name == "scripted"
        assert "resume-secret" not in repr(session.ready)
        await session.start_listening(AudioFormat(AudioEncoding.PCM_S16LE, 16_000))
        await session.send_audio(bytes(2_500))
        await session.stop_listening()
        heard = await turn(session)

    assert [type(event) for event in heard] == [
        events.Transcription,
        events.Transcription,
        events.ResponseStarted,
        events.ResponseDelta,
        events.AudioChunk,
        events.AudioChunk,
        events.ResponseCompleted,
        events.TurnMetrics,
    ]
    assert [event.sequence for event in heard] == list(range(1, 9))
    assert {event.turn_id for event in heard} == {1}
    final, completed, metrics = heard[1], heard[6], heard[7]
    assert isinstance(final, events.Transcription)
    assert (final.text, final.is_final, final.confidence) == ("2500 bytes", True, 0.5)
    assert isinstance(completed, events.ResponseCompleted)
    assert completed.usage is not None and completed.usage.total_tokens == 7
    assert completed.finish_reason is FinishReason.STOP and completed.error is None
    assert isinstance(metrics, events.TurnMetrics)
    assert (metrics.response_latency_ms, metrics.stt_final_ms) == (120, None)
    chunks = [event for event in heard if isinstance(event, events.AudioChunk)]
    assert tuple(chunk.data for chunk in chunks) == ANSWER_AUDIO
    assert [chunk.format for chunk in chunks] == [AudioFormat(AudioEncoding.MP3), None]
    assert [chunk.is_last for chunk in chunks] == [False, True]


async def test_a_listening_period_may_last_until_it_is_stopped() -> None:
    service = ScriptedService()
    async with session_with(service) as session:
        await session.start_listening(until_stopped=True)
        await session.start_listening()
        await session.send_audio(b"a")
        await session.stop_listening()
        await turn(session)
    (talk,) = service.conversations
    commands = [request.control for request in talk.requests if request.HasField("control")]
    starts = [
        command.start_listening for command in commands if command.HasField("start_listening")
    ]
    assert [start.until_stopped for start in starts] == [True, False]


async def test_messages_are_numbered_and_audio_is_split_at_the_limit() -> None:
    service = ScriptedService()
    async with session_with(service) as session:
        await session.send_audio(b"a" * 1_000 + b"b" * 1_000 + b"c")
        await session.send_audio(b"")
        await session.stop_listening(discard=True)
        await turn(session)
        await session.ping()
        await session.send_text("hello")
    (talk,) = service.conversations
    said = [(request.sequence, request.WhichOneof("payload")) for request in talk.requests]
    assert said == [
        (0, "config"),
        (1, "audio"),
        (2, "audio"),
        (3, "audio"),
        (4, "control"),
        (0, "ping"),
        (5, "text"),
        (6, "control"),
    ]
    assert [len(request.audio.data) for request in talk.requests[1:4]] == [1_000, 1_000, 1]
    assert LIMITS.max_audio_chunk_bytes == 1_000
    assert talk.requests[4].control.stop_listening.discard
    assert talk.requests[5].ack == 8
    assert talk.requests[-1].control.WhichOneof("command") == "end_session"


async def test_interrupt_and_ping_and_configure() -> None:
    service = ScriptedService()
    async with (
        serving(service) as address,
        VoiceClient(address) as client,
        VoiceSession(client.resuming_stream(), SessionOptions(), clock_ms=lambda: 41) as session,
    ):
        await session.interrupt(3, played_ms=250)
        cut = await anext(session)
        assert isinstance(cut, events.Interruption)
        assert (cut.response_id, cut.heard_ms) == (3, 250)
        assert cut.reason is InterruptionReason.CLIENT_REQUEST
        await session.ping()
        pong = await anext(session)
        assert isinstance(pong, events.Pong)
        assert (pong.ping_sent_at_ms, pong.sent_at_ms, pong.sequence) == (41, 2, 0)
        await session.configure(SessionOptions(rate=1.5))
        confirmed = await anext(session)
        assert isinstance(confirmed, events.Ready)
        assert session.ready is confirmed
        assert session.ready.settings.rate == 1.5


async def test_an_interrupt_without_a_playback_position_leaves_it_to_the_server() -> None:
    service = ScriptedService()
    async with session_with(service) as session:
        await session.interrupt()
        await anext(session)
    interrupt = service.conversations[0].requests[1].control.interrupt
    assert interrupt.response_id == 0 and not interrupt.HasField("played_ms")


async def test_a_text_to_speak_and_a_response_without_input() -> None:
    service = ScriptedService()
    async with session_with(service) as session:
        await session.say("Mind the gap.", interruptible=False)
        await session.say("Doors closing.", add_to_history=False)
        await session.create_response("Greet the user.")
        await session.create_response()
    (talk,) = service.conversations
    assert [request.control for request in talk.requests[1:-1]] == [
        pb.Control(say=pb.Say(text="Mind the gap.", interruptible=False, add_to_history=True)),
        pb.Control(say=pb.Say(text="Doors closing.", interruptible=True, add_to_history=False)),
        pb.Control(create_response=pb.CreateResponse(instructions="Greet the user.")),
        pb.Control(create_response=pb.CreateResponse()),
    ]
    assert [request.sequence for request in talk.requests] == [0, 1, 2, 3, 4, 5]


async def test_playback_positions_do_not_queue_behind_one_another() -> None:
    service = ScriptedService()
    async with session_with(service) as session:
        async with asyncio.TaskGroup() as tasks:
            for played_ms in range(1_000):
                tasks.create_task(session.report_playback(1, played_ms))
        await session.report_playback(2, 0)
    (talk,) = service.conversations
    reports = [request for request in talk.requests if request.HasField("playback")]
    assert [(said.playback.response_id, said.playback.played_ms) for said in reports] == [
        (1, 0),
        (1, 999),
        (2, 0),
    ]
    assert {said.sequence for said in reports} == {0}


async def test_a_hold_is_an_event() -> None:
    async def hold(talk: Conversation) -> None:
        await talk.open()
        await talk.say(turn_id=2, hold=pb.PlaybackHold(response_id=1, held=True))
        await talk.say(turn_id=2, hold=pb.PlaybackHold(response_id=1, held=False))

    async with session_with(ScriptedService(hold)) as session:
        assert [event async for event in session] == [
            events.PlaybackHold(sequence=1, turn_id=2, response_id=1, held=True),
            events.PlaybackHold(sequence=2, turn_id=2, response_id=1, held=False),
        ]


async def test_a_client_that_only_listens_acknowledges() -> None:
    async def chatter(talk: Conversation) -> None:
        await talk.open()
        for _ in range(ACKNOWLEDGE_EVERY + 1):
            await talk.say(response=pb.ResponseEvent(delta=pb.ResponseDelta(text="la")))
        acknowledgement = await talk.hear()
        assert acknowledgement is not None and acknowledgement.WhichOneof("payload") is None
        await talk.say(pong=pb.Pong(sent_at_ms=acknowledgement.ack))

    async with session_with(ScriptedService(chatter)) as session:
        heard = [event async for event in session]
    assert len(heard) == ACKNOWLEDGE_EVERY + 2
    last = heard[-1]
    assert isinstance(last, events.Pong)
    assert last.sent_at_ms == ACKNOWLEDGE_EVERY


async def test_half_closing_ends_the_iteration_after_the_turn() -> None:
    async def one_turn(talk: Conversation) -> None:
        await talk.open()
        while await talk.hear() is not None:
            pass
        await talk.say(turn_id=1, metrics=pb.TurnMetrics())

    async with session_with(ScriptedService(one_turn)) as session:
        await session.send_audio(b"x")
        await session.done_sending()
        assert [type(event) async for event in session] == [events.TurnMetrics]
        with pytest.raises(SessionClosed):
            await session.send_text("too late")


async def test_ending_closes_the_iteration() -> None:
    async with session_with(ScriptedService()) as session:
        await session.end()
        assert [event async for event in session] == []


async def test_a_cancelled_wait_for_an_event_loses_nothing() -> None:
    async with session_with(ScriptedService()) as session:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await anext(session)
        await session.send_text("still there")
        started = await anext(session)
        assert isinstance(started, events.ResponseStarted)
        assert started.user_text == "still there"


async def test_events_unknown_to_this_version_are_skipped() -> None:
    async def from_the_future(talk: Conversation) -> None:
        await talk.open()
        await talk.say()
        await talk.say(response=pb.ResponseEvent(response_id=1))
        await talk.say(pong=pb.Pong(sent_at_ms=1))

    async with session_with(ScriptedService(from_the_future)) as session:
        assert [type(event) async for event in session] == [events.Pong]


async def test_an_error_event_leaves_the_session_running() -> None:
    async def stumble(talk: Conversation) -> None:
        await talk.open()
        error = pb.Error(
            code=pb.ERROR_CODE_TTS_FAILED, message="no voice", stage=pb.PIPELINE_STAGE_TTS
        )
        await talk.say(error=error)
        await talk.hear()

    async with session_with(ScriptedService(stumble)) as session:
        error = await anext(session)
        assert isinstance(error, events.ErrorEvent)
        assert (error.code, error.stage) == (ErrorCode.TTS_FAILED, PipelineStage.TTS)
        assert not error.fatal
        await session.send_text("go on")


async def test_a_fatal_error_is_an_event_and_then_an_exception() -> None:
    taken_over = pb.Error(
        code=pb.ERROR_CODE_SESSION_TAKEN_OVER, message="resumed elsewhere", fatal=True
    )

    async def lose(talk: Conversation) -> None:
        await talk.open()
        await talk.say(is_numbered=False, error=taken_over)
        await talk.fail(grpc.StatusCode.ABORTED, taken_over)

    async with session_with(ScriptedService(lose)) as session:
        event = await anext(session)
        assert isinstance(event, events.ErrorEvent) and event.fatal
        with pytest.raises(SessionRefused, match="elsewhere") as caught:
            await anext(session)
        assert caught.value.code is ErrorCode.SESSION_TAKEN_OVER


@pytest.mark.parametrize("says_it_first", [True, False])
async def test_a_refused_session_raises_on_entry(says_it_first: bool) -> None:
    full = pb.Error(
        code=pb.ERROR_CODE_OVERLOADED, message="full", retryable=True, retry_after_ms=1_500
    )

    async def refuse(talk: Conversation) -> None:
        await talk.hear()
        if says_it_first:
            await talk.say(is_numbered=False, error=full)
        await talk.fail(grpc.StatusCode.RESOURCE_EXHAUSTED, full)

    async with serving(ScriptedService(refuse)) as address, VoiceClient(address) as client:
        with pytest.raises(SessionRefused, match="full") as caught:
            async with client.session():
                pytest.fail("entered a session that was refused")
    error = caught.value
    assert (error.code, error.retryable, error.retry_after_ms) == (
        ErrorCode.OVERLOADED,
        True,
        1_500,
    )


async def test_a_server_that_breaks_the_contract_raises_on_entry() -> None:
    async def babble(talk: Conversation) -> None:
        await talk.hear()
        await talk.say(pong=pb.Pong())

    async with serving(ScriptedService(babble)) as address, VoiceClient(address) as client:
        with pytest.raises(ServerFailed, match="ready"):
            async with client.session():
                pytest.fail("entered a session without `ready`")


async def test_a_silent_server_is_given_up() -> None:
    async def sleep(talk: Conversation) -> None:
        await talk.hear()
        await asyncio.Event().wait()

    service = ScriptedService(sleep)
    async with serving(service) as address, VoiceClient(address) as client:
        with pytest.raises(Unavailable, match="open"):
            async with VoiceSession(
                client.resuming_stream(), SessionOptions(), open_timeout_s=0.05
            ):
                pytest.fail("entered a session that nobody opened")
        async with asyncio.timeout(5):
            await service.cancelled.wait()


async def test_an_absent_server_raises_on_entry() -> None:
    async with serving(ScriptedService()) as address:
        pass
    async with VoiceClient(address) as client:
        with pytest.raises(Unavailable):
            async with client.session():
                pytest.fail("entered a session without a server")


async def test_options_without_a_wire_form_raise_before_anything_is_sent() -> None:
    service = ScriptedService()
    async with serving(service) as address, VoiceClient(address) as client:
        with pytest.raises(TypeError):
            async with client.session(SessionOptions(context={"clock": object()})):
                pytest.fail("entered a session with a context that is not JSON")
        with pytest.raises(InvalidRequest):
            async with client.session(SessionOptions(system_prompt="x" * (1 << 20))):
                pytest.fail("entered a session with a message that is too large")
    assert all(not talk.requests for talk in service.conversations)


async def test_a_session_left_by_an_error_is_ended_too_and_leaves_no_task() -> None:
    service = ScriptedService()
    async with serving(service) as address, VoiceClient(address) as client:
        before = asyncio.all_tasks()
        with pytest.raises(ZeroDivisionError):
            async with client.session() as session:
                await session.send_text("hello")
                raise ZeroDivisionError
        left_over = asyncio.all_tasks() - before
        assert not [task for task in left_over if "cedar_voice_client" in repr(task)]
    last = service.conversations[0].requests[-1]
    assert last.control.WhichOneof("command") == "end_session"


async def test_cancelling_the_user_of_a_session_leaves_no_task() -> None:
    service = ScriptedService()
    opened = asyncio.Event()
    async with serving(service) as address, VoiceClient(address) as client:
        before = asyncio.all_tasks()

        async def use() -> None:
            async with client.session() as session:
                opened.set()
                await anext(session)

        user = asyncio.create_task(use())
        await opened.wait()
        user.cancel()
        with pytest.raises(asyncio.CancelledError):
            await user
        left_over = asyncio.all_tasks() - before
        assert not [task for task in left_over if "cedar_voice_client" in repr(task)]


async def test_ready_needs_an_open_session() -> None:
    with pytest.raises(SessionClosed, match="async with"):
        VoiceClient().session().ready  # noqa: B018
