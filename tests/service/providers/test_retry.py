"""Asking again: when, how often, and what a caller sees of it. In virtual time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

import pytest

from cedar_voice_service.audio.formats import AudioBlock, Pcm
from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.providers.protocols import (
    Hypothesis,
    ReplyEnd,
    ReplyText,
    SpeechRequest,
    SpeechRestarted,
)
from cedar_voice_service.providers.wrappers.retry import RetryPolicy, retried
from cedar_voice_service.providers.wrappers.stage import REPLY, SPEECH, TRANSCRIPTION
from cedar_voice_service.runtime.audio_feed import AudioFeed
from tests.support.failing_engines import (
    FailingResponder,
    FailingSynthesizer,
    FailingTranscriber,
    Run,
    failed,
    fed,
)
from tests.support.hypotheses import hypotheses_of
from tests.support.openai_engines import QUESTION
from tests.support.virtual_time import run_virtually

Result = TypeVar("Result")
PHRASE = SpeechRequest("Hello.")


def policy(stage: Stage, *, attempts: int = 2, first_ms: int = 5_000) -> RetryPolicy:
    return RetryPolicy(stage, attempts, first_ms)


async def written(engine: FailingResponder, how: RetryPolicy) -> list[str]:
    return [
        part.text if isinstance(part, ReplyText) else "end"
        async for part in retried(REPLY, engine, how).respond(QUESTION)
        if isinstance(part, ReplyText | ReplyEnd)
    ]


def refused(run: Coroutine[Any, Any, object]) -> EngineError:
    with pytest.raises(EngineError) as caught:
        run_virtually(run)
    return caught.value


def test_a_failure_before_the_first_word_is_not_noticed() -> None:
    engine = FailingResponder("a", Run(error=failed(Stage.LLM)), Run(2))
    assert run_virtually(written(engine, policy(Stage.LLM))) == ["a0 ", "a1 ", "end"]
    pause_ms = engine.asked_at_ms[1] - engine.asked_at_ms[0]
    assert 0 <= pause_ms <= 200


def test_pauses_are_spread_and_grow() -> None:
    pauses: list[tuple[int, int]] = []
    for _ in range(40):
        engine = FailingResponder("a", *[Run(error=failed(Stage.LLM))] * 2, Run(1))
        run_virtually(written(engine, policy(Stage.LLM, attempts=3)))
        first, second, third = engine.asked_at_ms
        pauses.append((second - first, third - second))
    assert len({first for first, _ in pauses}) > 10
    assert max(first for first, _ in pauses) <= 200 < max(second for _, second in pauses) <= 400


def test_it_is_asked_no_more_often_than_allowed() -> None:
    engine = FailingResponder("a", Run(error=failed(Stage.LLM)))
    error = refused(written(engine, policy(Stage.LLM, attempts=3)))
    assert (len(engine.asked_at_ms), error.stage, error.retryable) == (3, Stage.LLM, True)


def test_what_is_no_use_repeating_is_not_repeated() -> None:
    engine = FailingResponder("a", Run(error=failed(Stage.LLM, retryable=False)))
    assert not refused(written(engine, policy(Stage.LLM))).retryable
    assert engine.asked_at_ms == [0]


def test_a_reply_that_has_begun_is_not_begun_anew() -> None:
    engine = FailingResponder("a", Run(1, failed(Stage.LLM)), Run(2))
    told = 0

    async def listen() -> None:
        nonlocal told
        async for _ in retried(REPLY, engine, policy(Stage.LLM)).respond(QUESTION):
            told += 1

    refused(listen())
    assert (told, len(engine.asked_at_ms)) == (1, 1)


def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    busy = failed(Stage.LLM, retry_after_ms=1_500)
    engine = FailingResponder("a", Run(error=busy), Run(1))
    run_virtually(written(engine, policy(Stage.LLM)))
    assert 1_500 <= engine.asked_at_ms[1] <= 1_700


def test_a_pause_longer_than_the_stage_may_take_is_told_at_once() -> None:
    busy = failed(Stage.LLM, retry_after_ms=6_000)
    engine = FailingResponder("a", Run(error=busy), Run(1))
    assert refused(written(engine, policy(Stage.LLM))).retry_after_ms == 6_000
    assert engine.asked_at_ms == [0]


def test_all_attempts_share_one_deadline() -> None:
    engine = FailingResponder("a", Run(error=failed(Stage.LLM)), Run(hangs=True))

    async def wait() -> float:
        with pytest.raises(EngineError) as caught:
            await written(engine, policy(Stage.LLM, attempts=9, first_ms=1_000))
        assert caught.value.code is Code.STAGE_TIMEOUT
        return asyncio.get_running_loop().time()

    assert run_virtually(wait()) == pytest.approx(1.0, abs=0.01)
    assert (len(engine.asked_at_ms), engine.open_requests) == (2, 0)


def test_a_slow_reply_that_has_begun_is_not_hurried() -> None:
    engine = FailingResponder("a", Run(4, every_ms=900))
    assert len(run_virtually(written(engine, policy(Stage.LLM, first_ms=1_000)))) == 5


def test_a_request_that_is_not_wanted_any_more_is_closed_and_not_repeated() -> None:
    engine = FailingResponder("a", Run(5))

    async def leave() -> None:
        async with aclosing(retried(REPLY, engine, policy(Stage.LLM)).respond(QUESTION)) as parts:
            await anext(parts)

    run_virtually(leave())
    assert (len(engine.asked_at_ms), engine.open_requests) == (1, 0)


def test_a_cancelled_request_is_closed_and_not_repeated() -> None:
    engine = FailingResponder("a", Run(hangs=True))

    async def cancel() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await written(engine, policy(Stage.LLM))

    run_virtually(cancel())
    assert (len(engine.asked_at_ms), engine.open_requests) == (1, 0)


def test_a_phrase_that_was_cut_is_spoken_anew() -> None:
    engine = FailingSynthesizer("a", Run(2, failed(Stage.TTS)), Run(3))

    async def speak() -> list[type]:
        speech = retried(SPEECH, engine, policy(Stage.TTS)).synthesize(PHRASE)
        return [type(sound) async for sound in speech]

    assert run_virtually(speak()) == [Pcm, Pcm, SpeechRestarted, Pcm, Pcm, Pcm]


def test_a_phrase_that_had_not_begun_is_not_restarted() -> None:
    engine = FailingSynthesizer("a", Run(error=failed(Stage.TTS)), Run(1))

    async def speak() -> list[type]:
        speech = retried(SPEECH, engine, policy(Stage.TTS)).synthesize(PHRASE)
        return [type(sound) async for sound in speech]

    assert run_virtually(speak()) == [Pcm]


async def blocks(*ends_ms: int, every_s: float = 0.0) -> AsyncIterator[AudioBlock]:
    """An utterance; silence between its blocks as they are spoken."""
    for end_ms in ends_ms:
        await asyncio.sleep(every_s)
        yield AudioBlock(Pcm(b"\0\0" * 1_600), end_ms)


async def transcribed(
    engine: FailingTranscriber, audio: AsyncIterator[AudioBlock], how: RetryPolicy
) -> list[tuple[str, bool]]:
    results = retried(TRANSCRIPTION, engine, how).transcribe(audio, "en-US")
    return [(heard.text, heard.is_final) async for heard in hypotheses_of(results)]


def test_an_utterance_is_sent_again_as_a_whole() -> None:
    engine = FailingTranscriber("a", Run(1, failed(Stage.STT)), Run())
    told = run_virtually(transcribed(engine, fed(100, 200, 300), policy(Stage.STT)))
    assert engine.heard == [[100, 200], [100, 200, 300]]
    assert told == [("a100", False), ("a 3", True)]


def test_a_transcript_that_fails_at_the_end_of_the_utterance_is_made_again() -> None:
    engine = FailingTranscriber("a", Run(3, failed(Stage.STT)), Run())
    told = run_virtually(transcribed(engine, fed(100, 200, 300), policy(Stage.STT)))
    assert engine.heard == [[100, 200, 300]] * 2
    assert told[-1] == ("a 3", True)


def test_an_utterance_may_be_longer_than_the_wait_for_its_transcript() -> None:
    engine = FailingTranscriber("a", Run())
    speech = blocks(*range(10), every_s=1.0)
    told = run_virtually(transcribed(engine, speech, policy(Stage.STT, first_ms=500)))
    assert told[-1] == ("a 10", True)


class Silent:
    """Hears everything and says nothing."""

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        """See `Transcriber.transcribe`."""
        async for block in audio:
            yield Hypothesis(f"a{block.end_ms}", is_final=False)
        await asyncio.Event().wait()


def test_the_wait_for_a_transcript_begins_with_the_end_of_the_utterance() -> None:
    async def wait() -> float:
        speech = AudioFeed(100)
        asyncio.get_running_loop().call_later(3.0, speech.close)
        how = policy(Stage.STT, first_ms=800)
        with pytest.raises(EngineError) as caught:
            async for _ in retried(TRANSCRIPTION, Silent(), how).transcribe(speech, "en-US"):
                pass
        assert caught.value.code is Code.STAGE_TIMEOUT
        return asyncio.get_running_loop().time()

    assert run_virtually(wait()) == pytest.approx(3.8, abs=0.01)
