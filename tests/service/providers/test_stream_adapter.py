"""Windows over a recognizer with set round trips, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Container
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from cedar_voice_service.audio.formats import AudioBlock, EdgeKind, Pcm, SpeechEdge
from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.providers.protocols import AudioSent, Hypothesis, Recognized, Transcriber
from cedar_voice_service.providers.wrappers.retry import RetryPolicy
from cedar_voice_service.providers.wrappers.stream_adapter import StreamAdapter
from tests.support.hypotheses import told_of
from tests.support.virtual_time import run_virtually

ROUND_TRIP_MS = 500
BLOCK_MS = 20
STOP_KNOWN_MS = 140
"""Silence after which the ear tells it, in whole blocks."""

DOWN = EngineError(Stage.STT, "down")
ONCE = RetryPolicy(Stage.STT, max_attempts=1, first_result_ms=5_000)


@dataclass
class Recognizer:
    """Answers after a round trip with as many words as there are half seconds of sound."""

    fails: Container[int] = ()
    error: EngineError = DOWN
    round_trip_ms: int = ROUND_TRIP_MS
    lengths_ms: list[int] = field(default_factory=list)
    asked_at_ms: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    in_flight: int = 0

    async def recognize(self, speech: Pcm, language: str, prompt: str) -> Recognized:
        number = len(self.lengths_ms)
        self.lengths_ms.append(round(speech.duration_ms))
        self.asked_at_ms.append(round(asyncio.get_running_loop().time() * 1000))
        self.in_flight += 1
        assert self.in_flight == 1
        try:
            await asyncio.sleep(self.round_trip_ms / 1000)
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        finally:
            self.in_flight -= 1
        if number in self.fails:
            raise self.error
        return Recognized(" ".join(f"w{n}" for n in range(int(speech.duration_ms // 500))), 0.8)


async def spoken(speech_ms: int, silence_ms: int) -> AsyncIterator[AudioBlock]:
    """300 ms of silence, speech, and silence, as fast as it is spoken."""
    known = {
        400: SpeechEdge(EdgeKind.STARTED, 300),
        300 + speech_ms + STOP_KNOWN_MS: SpeechEdge(EdgeKind.STOPPED, 300 + speech_ms),
    }
    for end_ms in range(BLOCK_MS, 300 + speech_ms + silence_ms + 1, BLOCK_MS):
        await asyncio.sleep(BLOCK_MS / 1000)
        edges = (known[end_ms],) if end_ms in known else ()
        yield AudioBlock(Pcm(bytes(BLOCK_MS * 32)), end_ms, edges)


@dataclass
class Run:
    """What an utterance came to; times are milliseconds since it began."""

    partials: list[Hypothesis]
    final: Hypothesis
    final_at_ms: int
    sent_ms: int


def transcribe(
    recognizer: Recognizer,
    speech_ms: int,
    silence_ms: int,
    *,
    has_partials: bool = True,
    policy: RetryPolicy = ONCE,
) -> Run:
    engine: Transcriber = StreamAdapter(recognizer, policy, allows_partials=lambda: has_partials)

    async def run() -> Run:
        told, sent_ms = await told_of(engine.transcribe(spoken(speech_ms, silence_ms), "en"))
        at_ms = round(asyncio.get_running_loop().time() * 1000)
        return Run(told[:-1], told[-1], at_ms, sent_ms)

    return run_virtually(run())


@pytest.mark.parametrize(
    ("silence_ms", "left_ms"),
    [(240, 400), (440, 200), (640, 0), (1_000, 0)],
)
def test_the_final_takes_what_is_left_of_a_round_trip_begun_at_the_pause(
    silence_ms: int, left_ms: int
) -> None:
    recognizer = Recognizer()
    run = transcribe(recognizer, 1_900, silence_ms)
    assert run.final_at_ms == 300 + 1_900 + silence_ms + left_ms
    assert run.final.is_final and run.final.confidence == pytest.approx(0.8)
    assert run.sent_ms == sum(recognizer.lengths_ms)


def test_silence_that_lasts_settles_the_words() -> None:
    run = transcribe(Recognizer(), 1_900, 1_000)
    assert [each.text for each in run.partials if each.is_settled] == [run.final.text]


def test_push_to_talk_takes_one_round_trip_for_what_is_open() -> None:
    recognizer = Recognizer()
    run = transcribe(recognizer, 1_900, 0)
    assert run.final_at_ms == 300 + 1_900 + ROUND_TRIP_MS
    assert recognizer.lengths_ms[-1] == 200 + 1_900


def test_a_partial_makes_way_for_the_final() -> None:
    recognizer = Recognizer()
    transcribe(recognizer, 900, 0)
    assert recognizer.cancelled == [len(recognizer.lengths_ms) - 2]


def test_a_failed_partial_costs_no_words() -> None:
    recognizer = Recognizer(fails=(0,))
    run = transcribe(recognizer, 4_000, 800)
    assert run.final.text.split()[-1] == "w7"
    assert recognizer.asked_at_ms[1] - recognizer.asked_at_ms[0] >= ROUND_TRIP_MS + 1_000 - BLOCK_MS


EVERY = range(1_000)
TWICE = RetryPolicy(Stage.STT, max_attempts=2, first_result_ms=5_000)


@pytest.mark.parametrize("has_partials", [True, False])
@pytest.mark.parametrize("speech_ms", [3_000, 40_000])
@pytest.mark.parametrize("round_trip_ms", [1, 500, 3_000])
def test_a_recognizer_that_always_fails_is_asked_ever_less(
    round_trip_ms: int, speech_ms: int, has_partials: bool
) -> None:
    recognizer = Recognizer(fails=EVERY, round_trip_ms=round_trip_ms)
    with pytest.raises(EngineError):
        transcribe(recognizer, speech_ms, 600, has_partials=has_partials)
    assert sum(recognizer.lengths_ms) <= 4 * speech_ms
    pauses = [later - one for one, later in pairwise(recognizer.asked_at_ms[:-1])]
    assert all(pause >= round_trip_ms + 1_000 - BLOCK_MS for pause in pauses)
    assert all(pause >= round_trip_ms + 8_000 - BLOCK_MS for pause in pauses[3:])
    assert max(recognizer.lengths_ms[:-1], default=0) <= 10_000


def test_a_recognizer_that_asks_for_a_pause_gets_it() -> None:
    busy = EngineError(Stage.STT, "busy", retry_after_ms=6_000)
    recognizer = Recognizer(fails=(0,), error=busy)
    transcribe(recognizer, 12_000, 600)
    assert recognizer.asked_at_ms[1] - recognizer.asked_at_ms[0] >= ROUND_TRIP_MS + 6_000 - BLOCK_MS


def test_what_was_missed_while_it_failed_is_caught_up_with() -> None:
    recognizer = Recognizer(fails=range(6))
    run = transcribe(recognizer, 60_000, 1_000)
    assert len(run.final.text.split()) >= 60_000 // 500 - 10
    assert max(recognizer.lengths_ms) <= 12_000
    assert sum(recognizer.lengths_ms) <= 4 * 60_000


def test_only_the_last_request_is_repeated_and_all_that_was_sent_is_told() -> None:
    healthy, failing = Recognizer(), Recognizer()
    transcribe(healthy, 21_000, 0)
    failing.fails = (len(healthy.lengths_ms) - 1,)
    run = transcribe(failing, 21_000, 0, policy=TWICE)
    assert failing.lengths_ms == [*healthy.lengths_ms, healthy.lengths_ms[-1]]
    assert run.sent_ms == sum(failing.lengths_ms)


def test_the_last_request_has_one_deadline_however_often_it_is_made() -> None:
    recognizer = Recognizer(fails=EVERY, round_trip_ms=3_000)
    policy = RetryPolicy(Stage.STT, max_attempts=9, first_result_ms=4_000)

    async def run() -> int:
        engine = StreamAdapter(recognizer, policy)
        with pytest.raises(EngineError) as caught:
            await told_of(engine.transcribe(spoken(1_000, 0), "en"))
        assert caught.value.code is Code.STAGE_TIMEOUT
        return round(asyncio.get_running_loop().time() * 1000)

    assert run_virtually(run()) == 300 + 1_000 + 4_000
    assert not recognizer.in_flight


def test_a_failed_pass_at_a_pause_is_made_again_at_the_end() -> None:
    recognizer = Recognizer(fails=(0,))
    run = transcribe(recognizer, 1_900, 1_000, has_partials=False)
    assert len(recognizer.lengths_ms) == 2
    assert run.final_at_ms == 300 + 1_900 + 1_000 + ROUND_TRIP_MS
    assert run.final.text


def test_a_failed_final_is_an_error() -> None:
    with pytest.raises(EngineError):
        transcribe(Recognizer(fails=(0,)), 1_900, 200, has_partials=False)


def test_without_partials_nothing_is_asked_before_the_pause() -> None:
    recognizer = Recognizer()
    run = transcribe(recognizer, 1_900, 1_000, has_partials=False)
    assert len(recognizer.lengths_ms) == 1
    assert run.final_at_ms == 300 + 1_900 + 1_000


def test_giving_an_utterance_up_cancels_its_request() -> None:
    recognizer = Recognizer()

    async def run() -> None:
        engine = StreamAdapter(recognizer, ONCE)
        with pytest.raises(TimeoutError):
            async with (
                asyncio.timeout(1.2),
                aclosing(engine.transcribe(spoken(4_000, 0), "en")) as results,
            ):
                async for result in results:
                    assert isinstance(result, AudioSent)
        assert recognizer.cancelled == [0] and not recognizer.in_flight
        assert len(asyncio.all_tasks()) == 1

    run_virtually(run())
