"""Windows over a recognizer with set round trips, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from cedar_voice_service.audio.ear import Heard
from cedar_voice_service.audio.formats import Pcm
from cedar_voice_service.audio.speech_detector import EdgeKind, SpeechEdge
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.protocols import Hypothesis, Transcriber
from cedar_voice_service.providers.windowed import Recognized, WindowedTranscriber
from tests.support.virtual_time import run_virtually

ROUND_TRIP_MS = 500
BLOCK_MS = 20
STOP_KNOWN_MS = 140
"""Silence after which the ear tells it, in whole blocks."""

DOWN = EngineError(Stage.STT, "down")


@dataclass
class Recognizer:
    """Answers after a round trip with as many words as there are half seconds of sound."""

    fails: tuple[int, ...] = ()
    lengths_ms: list[int] = field(default_factory=list)
    cancelled: list[int] = field(default_factory=list)
    in_flight: int = 0

    async def recognize(self, speech: Pcm, language: str, prompt: str) -> Recognized:
        number = len(self.lengths_ms)
        self.lengths_ms.append(round(speech.duration_ms))
        self.in_flight += 1
        assert self.in_flight == 1
        try:
            await asyncio.sleep(ROUND_TRIP_MS / 1000)
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        finally:
            self.in_flight -= 1
        if number in self.fails:
            raise DOWN
        return Recognized(" ".join(f"w{n}" for n in range(int(speech.duration_ms // 500))), 0.8)


async def spoken(speech_ms: int, silence_ms: int) -> AsyncIterator[Heard]:
    """300 ms of silence, speech, and silence, as fast as it is spoken."""
    known = {
        400: SpeechEdge(EdgeKind.STARTED, 300),
        300 + speech_ms + STOP_KNOWN_MS: SpeechEdge(EdgeKind.STOPPED, 300 + speech_ms),
    }
    for end_ms in range(BLOCK_MS, 300 + speech_ms + silence_ms + 1, BLOCK_MS):
        await asyncio.sleep(BLOCK_MS / 1000)
        edges = (known[end_ms],) if end_ms in known else ()
        yield Heard(Pcm(bytes(BLOCK_MS * 32)), end_ms, edges)


@dataclass
class Run:
    """What an utterance came to; times are milliseconds since it began."""

    partials: list[Hypothesis]
    final: Hypothesis
    final_at_ms: int


def transcribe(
    recognizer: Recognizer, speech_ms: int, silence_ms: int, *, has_partials: bool = True
) -> Run:
    engine: Transcriber = WindowedTranscriber(recognizer, wants_partials=lambda: has_partials)

    async def run() -> Run:
        hypotheses = [each async for each in engine.transcribe(spoken(speech_ms, silence_ms), "en")]
        at_ms = round(asyncio.get_running_loop().time() * 1000)
        return Run(hypotheses[:-1], hypotheses[-1], at_ms)

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
    assert run.final.sent_ms == sum(recognizer.lengths_ms)


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
    assert [each for each in run.partials if not each.is_settled] == []


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
        engine = WindowedTranscriber(recognizer)
        with pytest.raises(TimeoutError):
            async with (
                asyncio.timeout(1.4),
                aclosing(engine.transcribe(spoken(4_000, 0), "en")) as hypotheses,
            ):
                await anext(hypotheses)
        assert recognizer.cancelled == [0] and not recognizer.in_flight
        assert len(asyncio.all_tasks()) == 1

    run_virtually(run())
