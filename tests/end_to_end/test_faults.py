"""What the user still gets when the link, another user, the clock or the loop fail in a turn."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

import cedar_voice.v1 as pb
from cedar_voice_client import (
    AudioEncoding,
    AudioFormat,
    Recovery,
    SessionOptions,
    TurnDetection,
    TurnDetectionMode,
    VoiceClient,
    VoiceSession,
    events,
)
from cedar_voice_service.server import open_server
from tests.support.bridge import Bridge, Socket, bridging
from tests.support.flaky_link import FlakyLink, flaky_link
from tests.support.openai_script import INSTANT, Answer
from tests.support.openai_standin import OpenAIStandin
from tests.support.recordings import speech_pcm
from tests.support.service import settings_of

ANSWER = "Yes. No."
OPTIONS = SessionOptions(
    input_audio=AudioFormat(AudioEncoding.PCM_S16LE, 16_000, 1),
    turn_detection=TurnDetection(mode=TurnDetectionMode.MANUAL),
)
HASTE = Recovery(first_wait_s=0.02, max_wait_s=0.1)
PCM = speech_pcm()
PIECE_BYTES = 3_200
FLOOD = 10_000
PATIENCE_S = 60.0

On = Callable[[events.Event], None]


def nothing(_: events.Event) -> None:
    """No fault."""


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """A service on a provider that answers at once."""
    async with (
        OpenAIStandin(answers=[Answer(ANSWER)], latencies=INSTANT) as provider,
        open_server(settings_of(provider)) as (address, _),
    ):
        yield address


async def spoken_turn(session: VoiceSession, on_event: On = nothing) -> list[events.Event]:
    """Say something and hear the whole answer; `on_event` is called with each event on its way."""
    await session.start_listening()
    for at in range(0, len(PCM), PIECE_BYTES):
        await session.send_audio(PCM[at : at + PIECE_BYTES])
    await session.stop_listening()
    heard: list[events.Event] = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in session:
            heard.append(event)
            on_event(event)
            if isinstance(event, events.TurnMetrics):
                return heard
    raise AssertionError("the session ended")


def assert_whole(heard: list[events.Event]) -> events.TurnMetrics:
    """Nothing was lost, said twice or told as an error; the record of the turn."""
    assert not [event for event in heard if isinstance(event, events.ErrorEvent)]
    (completed,) = [event for event in heard if isinstance(event, events.ResponseCompleted)]
    assert completed.text == ANSWER
    chunks = [event for event in heard if isinstance(event, events.AudioChunk)]
    assert [chunk.is_last for chunk in chunks].count(True) == 1
    assert sum(chunk.duration_ms for chunk in chunks) > 400
    numbers = [event.sequence for event in heard if event.sequence]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    metrics = heard[-1]
    assert isinstance(metrics, events.TurnMetrics)
    assert metrics.input_audio_ms == len(PCM) // 32
    return metrics


# -- the client drops ---------------------------------------------------------------------------


def _is_end_of_input(event: events.Event) -> bool:
    return isinstance(event, events.SpeechActivity) and event.event.name == "TURN_ENDED"


def _is_final(event: events.Event) -> bool:
    return isinstance(event, events.Transcription) and event.is_final


PHASES: dict[str, Callable[[events.Event], bool]] = {
    "listening": lambda event: isinstance(event, events.SpeechActivity),
    "transcribing": _is_end_of_input,
    "thinking": _is_final,
    "writing": lambda event: isinstance(event, events.ResponseDelta),
    "speaking": lambda event: isinstance(event, events.AudioChunk),
    "the end of the text": lambda event: isinstance(event, events.ResponseCompleted),
}


async def test_a_client_that_drops_in_any_phase_of_a_turn_loses_nothing() -> None:
    async with (
        serving() as address,
        flaky_link(address) as link,
        VoiceClient(link.address) as client,
        client.session(OPTIONS, recovery=HASTE) as session,
    ):
        for phase in PHASES.values():
            connections = link.connections
            heard = await spoken_turn(session, Cut(link, phase))
            assert_whole(heard)
            assert link.connections > connections


class Cut:
    """Cuts the link once, at the first event of a phase."""

    def __init__(self, link: FlakyLink, is_due: Callable[[events.Event], bool]) -> None:
        self._link = link
        self._is_due = is_due
        self._is_done = False

    def __call__(self, event: events.Event) -> None:
        """Look at an event."""
        if not self._is_done and self._is_due(event):
            self._is_done = True
            self._link.cut()


# -- somebody else sends too much ----------------------------------------------------------------


async def test_a_flood_over_grpc_costs_nobody_else_and_the_session_answers() -> None:
    report = pb.VoiceSessionRequest(playback=pb.PlaybackReport(response_id=1, played_ms=1))
    async with (
        serving() as address,
        VoiceClient(address) as client,
        client.session(OPTIONS) as session,
        client.stream() as flooding,
    ):
        await flooding.send(pb.VoiceSessionRequest(config=pb.SessionConfig()))

        async def flood() -> None:
            for _ in range(FLOOD):
                await flooding.send(report)

        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            group.create_task(flood())
            assert_whole(await spoken_turn(session))
        await flooding.send(pb.VoiceSessionRequest(ping=pb.Ping(sent_at_ms=7)))
        async with asyncio.timeout(PATIENCE_S):
            while (heard := await flooding.receive()) is not None and not heard.HasField("pong"):
                pass
        assert heard is not None and heard.pong.ping_sent_at_ms == 7


async def test_a_flood_over_a_websocket_costs_nobody_else_and_the_session_answers() -> None:
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(serving())
        bridge = await stack.enter_async_context(bridging(address))
        calm = await stack.enter_async_context(socket_of(bridge, "calm"))
        flooding = await stack.enter_async_context(socket_of(bridge, "flooding"))

        async def flood() -> None:
            for number in range(FLOOD):
                await flooding.say(type="playback", responseId=1, playedMs=number)

        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            group.create_task(flood())
            await answered(calm)
        async with asyncio.timeout(PATIENCE_S):
            await answered(flooding)


@asynccontextmanager
async def socket_of(bridge: Bridge, session_id: str) -> AsyncIterator[Socket]:
    """A browser's socket that is ready."""
    async with bridge.connect(f"?sessionId={session_id}") as socket:
        await socket.hear_until("ready")
        yield socket


async def answered(socket: Socket) -> None:
    """Type something and hear the whole answer."""
    await socket.say(type="text", text="hello")
    await socket.hear_until("turn_metrics")
    (completed,) = [frame for frame in socket.heard if frame["type"] == "response_complete"]
    assert completed["text"] == ANSWER


# -- time ----------------------------------------------------------------------------------------


async def test_a_wall_clock_that_jumps_by_an_hour_is_not_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offset_s, real = 0, time.time

    def jump(event: events.Event) -> None:
        nonlocal offset_s
        if isinstance(event, events.SpeechActivity):
            offset_s = 3_600
        elif isinstance(event, events.ResponseDelta):
            offset_s = -3_600

    monkeypatch.setattr(time, "time", lambda: real() + offset_s)
    monkeypatch.setattr(time, "time_ns", lambda: int((real() + offset_s) * 1e9))
    async with (
        serving() as address,
        VoiceClient(address) as client,
        client.session(OPTIONS) as session,
    ):
        for _ in range(2):
            metrics = assert_whole(await spoken_turn(session, jump))
            assert metrics.turn_total_ms is not None
            assert 0 <= metrics.turn_total_ms < PATIENCE_S * 1000


async def test_a_loop_that_is_held_for_half_a_second_makes_a_pause_and_no_more() -> None:
    held: set[type[events.Event]] = set()

    def hold(event: events.Event) -> None:
        if isinstance(event, events.SpeechActivity | events.AudioChunk) and type(event) not in held:
            held.add(type(event))
            time.sleep(0.5)

    async with (
        serving() as address,
        VoiceClient(address) as client,
        client.session(OPTIONS) as session,
    ):
        assert_whole(await spoken_turn(session, hold))
        assert len(held) == 2
        async with client.session():  # it lets others in
            pass
