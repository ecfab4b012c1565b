"""The embedded recognizer on recorded speech, and its processes."""

import asyncio
import os
import random
import signal
from array import array
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise

import pytest

from cedar_voice_service.audio.formats import AudioBlock, Pcm
from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.providers.pocketsphinx.engine import PocketSphinx, open_pocketsphinx
from cedar_voice_service.providers.pocketsphinx.recognizer import (
    DecodedSpeech,
    DecodedUtterance,
    Recognizer,
)
from cedar_voice_service.providers.protocols import Hypothesis
from cedar_voice_service.workers.pool import open_worker_pool
from tests.support.children import child_pids
from tests.support.recordings import speech_pcm

TEXTS = {
    "weather_in_berlin": "what is the weather in berlin tomorrow",
    "open_the_settings": "open the settings page",
    "theme_to_dark": "please change the theme to dark",
    "show_the_report": "show me the report for this month",
    "weather_in_london": "tell me about the weather in london",
    "close_the_window": "close the window",
    "two_sentences": "open the settings page close the window",
}
PIECE_BYTES = 3_200
WORKER = "cedar_voice_service.providers.pocketsphinx.worker"
PATIENCE_MS = 60_000
ONE_WORKER = {"worker_count": 1, "timeout_ms": 20_000}


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer()


def hear(recognizer: Recognizer, audio: bytes) -> tuple[list[str], DecodedSpeech]:
    """What an utterance looks like after each 100 ms, and in the end."""
    utterance = DecodedUtterance(recognizer)
    starts = range(0, len(audio), PIECE_BYTES)
    partials = [utterance.add(audio[start : start + PIECE_BYTES]) for start in starts]
    return partials, utterance.finish()


def silence(duration_ms: int) -> bytes:
    return bytes(duration_ms * 32)


def noise(duration_ms: int, amplitude: int) -> bytes:
    chance = random.Random(amplitude)
    return array(
        "h", (round(chance.gauss(0, amplitude)) for _ in range(duration_ms * 16))
    ).tobytes()


@pytest.mark.parametrize("name", TEXTS)
def test_it_understands_all_words_but_one(recognizer: Recognizer, name: str) -> None:
    _, transcript = hear(recognizer, speech_pcm(name))
    heard, said = transcript.text.split(), TEXTS[name].split()
    assert len(heard) == len(said)
    assert sum(word != other for word, other in zip(heard, said, strict=True)) <= 1
    assert transcript.confidence is not None
    assert 0 < transcript.confidence <= 1


@pytest.mark.parametrize("hum", [0, 8])
def test_silence_around_the_words_costs_none(recognizer: Recognizer, hum: int) -> None:
    speech = speech_pcm("open_the_settings")
    _, transcript = hear(recognizer, noise(2_500, hum) + speech + noise(800, hum))
    assert transcript.text == TEXTS["open_the_settings"]


def test_what_was_heard_before_makes_no_difference(recognizer: Recognizer) -> None:
    audio = speech_pcm("weather_in_london")
    fresh = hear(Recognizer(), audio)
    hear(recognizer, noise(700, 3_000) + speech_pcm("theme_to_dark"))
    assert hear(recognizer, audio) == fresh


def test_words_show_up_while_they_are_spoken(recognizer: Recognizer) -> None:
    partials, _ = hear(recognizer, speech_pcm("weather_in_london"))
    lengths = [len(partial.split()) for partial in partials]
    assert lengths[3] == 0
    assert 1 <= lengths[len(lengths) // 2] < lengths[-1]
    assert partials[-1].startswith("tell me about the")


@pytest.mark.parametrize(
    "audio", [b"", silence(3_000), noise(3_000, 5), noise(2_000, 300), noise(2_000, 3_000)]
)
def test_silence_and_noise_have_no_words(recognizer: Recognizer, audio: bytes) -> None:
    assert hear(recognizer, audio)[1] == DecodedSpeech()


def test_an_utterance_shorter_than_any_measurement_is_heard(recognizer: Recognizer) -> None:
    assert hear(recognizer, speech_pcm("close_the_window")[:16_000])[1].text


def test_a_long_utterance_is_heard_to_its_end(recognizer: Recognizer) -> None:
    names = ("show_the_report", "weather_in_london", "open_the_settings") * 2
    audio = silence(300).join(speech_pcm(name) for name in names)
    text = hear(recognizer, audio)[1].text
    assert text.count("report") == 2
    assert text.count("settings") == 2


async def spoken(audio: bytes) -> AsyncIterator[AudioBlock]:
    for start in range(0, len(audio), PIECE_BYTES):
        piece = Pcm(audio[start : start + PIECE_BYTES])
        yield AudioBlock(piece, round(start / 32 + piece.duration_ms))


async def transcribed(engine: PocketSphinx, name: str) -> list[Hypothesis]:
    async with aclosing(engine.transcribe(spoken(speech_pcm(name)), "en-US")) as hypotheses:
        return [hypothesis async for hypothesis in hypotheses]


async def test_the_engine_yields_changing_partials_and_one_final() -> None:
    async with open_pocketsphinx(**ONE_WORKER) as engine:
        hypotheses = await transcribed(engine, "weather_in_london")
    *partials, final = hypotheses
    assert final.is_final
    assert final.text == TEXTS["weather_in_london"]
    assert final.confidence is not None
    assert len(partials) >= 4
    assert not any(partial.is_final for partial in partials)
    texts = [partial.text for partial in partials]
    assert all(before != after for before, after in pairwise(texts))


async def test_two_workers_hear_two_utterances_at_once_and_a_third_later() -> None:
    names = ("weather_in_london", "open_the_settings", "close_the_window")
    async with (
        # The third waits for as long as the others take, however busy the machine is.
        open_worker_pool(WORKER, Stage.STT, size=2, wait_ms=PATIENCE_MS) as workers,
        asyncio.TaskGroup() as group,
    ):
        engine = PocketSphinx(workers, PATIENCE_MS)
        tasks = {name: group.create_task(transcribed(engine, name)) for name in names}
    assert {name: task.result()[-1].text for name, task in tasks.items()} == {
        name: TEXTS[name] for name in names
    }


async def test_an_utterance_given_up_between_blocks_leaves_its_process_in_use() -> None:
    before = child_pids()
    async with open_pocketsphinx(**ONE_WORKER) as engine:
        workers = child_pids() - before
        async with aclosing(engine.transcribe(spoken(speech_pcm()), "en-US")) as hypotheses:
            await anext(hypotheses)
        assert (await transcribed(engine, "close_the_window"))[-1].text == "close the window"
        assert child_pids() - before == workers
    assert child_pids() <= before


async def test_an_utterance_cancelled_in_the_middle_disturbs_no_other() -> None:
    async with open_pocketsphinx(**ONE_WORKER) as engine:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await transcribed(engine, "two_sentences")
        assert (await transcribed(engine, "close_the_window"))[-1].text == "close the window"


async def test_a_process_that_dies_costs_one_utterance() -> None:
    before = child_pids()
    async with open_pocketsphinx(**ONE_WORKER) as engine:
        (pid,) = child_pids() - before
        async with aclosing(engine.transcribe(spoken(speech_pcm()), "en-US")) as hypotheses:
            await anext(hypotheses)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(EngineError) as caught:
                await anext(hypotheses)
        assert caught.value.code is Code.STT_FAILED
        assert caught.value.retryable
        assert (await transcribed(engine, "close_the_window"))[-1].text == "close the window"
    assert child_pids() <= before
