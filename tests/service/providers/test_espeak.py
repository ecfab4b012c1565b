"""The espeak engine: what it speaks, and that its child process may die."""

import asyncio
import os
import signal
from array import array
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from cedar_voice_service.providers.espeak.engine import EspeakSynthesizer, open_espeak
from cedar_voice_service.providers.protocols import SpeechRequest
from tests.support.children import child_pids
from tests.support.hearing import Heard, measure

HELLO = "Hello there, how are you today?"


@asynccontextmanager
async def espeak() -> AsyncIterator[EspeakSynthesizer]:
    async with open_espeak(20_000) as engine:
        yield engine


async def spoken(engine: EspeakSynthesizer, request: SpeechRequest) -> Heard:
    samples = array("h")
    rate_hz = 22_050
    async for block in engine.synthesize(request):
        samples.frombytes(block.data)
        rate_hz = block.sample_rate_hz
    return measure(samples, rate_hz)


async def test_it_speaks_without_clipping_or_long_gaps() -> None:
    async with espeak() as engine:
        heard = await spoken(engine, SpeechRequest(HELLO))
    assert 1_000 < heard.duration_ms < 3_000
    assert 3_000 < heard.peak < 32_767
    assert heard.longest_gap_ms < 400


async def test_rate_changes_the_length() -> None:
    async with espeak() as engine:
        slow = await spoken(engine, SpeechRequest(HELLO, rate=0.5))
        fast = await spoken(engine, SpeechRequest(HELLO, rate=2.0))
    assert slow.duration_ms > 2 * fast.duration_ms


@pytest.mark.parametrize("language", ["en-US", "en-GB", "es-ES", "fr-FR", "de-DE", "xx-YY", ""])
async def test_every_language_gets_a_voice(language: str) -> None:
    async with espeak() as engine:
        heard = await spoken(engine, SpeechRequest("Radio", language=language))
    assert heard.duration_ms > 200


async def test_voices_and_pitches_differ() -> None:
    async with espeak() as engine:
        requests = [
            SpeechRequest(HELLO),
            SpeechRequest(HELLO, voice_id="nova"),
            SpeechRequest(HELLO, voice_id="onyx"),
            SpeechRequest(HELLO, pitch=2.0),
        ]
        sounds = [
            b"".join([block.data async for block in engine.synthesize(request)])
            for request in requests
        ]
    assert len(set(sounds)) == len(sounds)


async def test_sessions_speak_at_the_same_time() -> None:
    async with espeak() as engine, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(spoken(engine, SpeechRequest(f"Number {number}.")))
            for number in range(20)
        ]
    assert all(task.result().duration_ms > 300 for task in tasks)


async def test_a_child_that_died_is_replaced() -> None:
    before = child_pids()
    async with espeak() as engine:
        await spoken(engine, SpeechRequest(HELLO))
        (pid,) = child_pids() - before
        os.kill(pid, signal.SIGKILL)
        heard = await spoken(engine, SpeechRequest(HELLO))
        assert heard.duration_ms > 1_000
    assert child_pids() <= before


async def test_a_phrase_that_is_cancelled_leaves_the_engine_usable() -> None:
    async with espeak() as engine:
        task = asyncio.ensure_future(spoken(engine, SpeechRequest("A long text. " * 60)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await spoken(engine, SpeechRequest(HELLO))).duration_ms > 1_000


async def test_a_child_that_does_not_answer_is_replaced() -> None:
    before = child_pids()
    async with open_espeak(1_500) as engine:
        (pid,) = child_pids() - before
        os.kill(pid, signal.SIGSTOP)
        assert (await spoken(engine, SpeechRequest(HELLO))).duration_ms > 1_000
        assert pid not in child_pids()


async def test_the_next_sentence_waits_for_its_turn_only() -> None:
    async with espeak() as engine:
        phrase = engine.synthesize(SpeechRequest("One sentence. " * 40))
        async with aclosing(phrase):
            await anext(phrase)
            assert (await spoken(engine, SpeechRequest(HELLO))).duration_ms > 1_000


async def test_text_without_words_is_silent() -> None:
    async with espeak() as engine:
        assert (await spoken(engine, SpeechRequest("*** \x00 ~~~ \U0001f642 !!!"))).duration_ms == 0
