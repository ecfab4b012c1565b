"""The engine that stands in for another: who is asked, and what a caller sees. In virtual time."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, TypeVar

import pytest

from cedar_voice_service.audio.formats import Pcm
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.protocols import (
    ReplyText,
    Responder,
    SpeechRequest,
    SpeechRestarted,
)
from cedar_voice_service.providers.wrappers.circuit_breaker import CircuitBreaker
from cedar_voice_service.providers.wrappers.fallback import (
    NamedEngine,
    PrimaryAndFallback,
    with_fallback,
)
from cedar_voice_service.providers.wrappers.stage import REPLY, SPEECH, TRANSCRIPTION
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

Engine = TypeVar("Engine", FailingResponder, FailingSynthesizer, FailingTranscriber)
DOWN = Run(error=failed(Stage.LLM))


def pair(first: Engine, second: Engine, max_failures: int = 3) -> PrimaryAndFallback[Any]:
    breaker = CircuitBreaker(max_failures, 1_000)
    return PrimaryAndFallback(NamedEngine("first", first), NamedEngine("second", second), breaker)


async def written(responder: Responder) -> str:
    parts = [part async for part in responder.respond(QUESTION)]
    return "".join(part.text for part in parts if isinstance(part, ReplyText))


async def spoken(speech: AsyncGenerator[Any, None]) -> str:
    """The first letter of each block's engine, a stroke where the phrase begins anew."""
    letters = [
        "|" if isinstance(sound, SpeechRestarted) else sound.data[:1].decode()
        async for sound in speech
        if isinstance(sound, Pcm | SpeechRestarted)
    ]
    return "".join(letters)


def test_the_second_engine_answers_what_the_first_cannot_begin() -> None:
    engines = pair(FailingResponder("a", DOWN), FailingResponder("b", Run(2)))
    assert run_virtually(written(with_fallback(REPLY, engines))) == "b0 b1 "


@pytest.mark.parametrize("retryable", [True, False])
def test_any_failure_of_the_first_engine_leads_to_the_second(retryable: bool) -> None:
    down = Run(error=failed(Stage.LLM, retryable=retryable))
    engines = pair(FailingResponder("a", down), FailingResponder("b", Run(1)))
    assert run_virtually(written(with_fallback(REPLY, engines))) == "b0 "


def test_a_reply_that_has_begun_is_not_begun_anew() -> None:
    second = FailingResponder("b", Run(2))
    engines = pair(FailingResponder("a", Run(1, failed(Stage.LLM))), second)
    with pytest.raises(EngineError):
        run_virtually(written(with_fallback(REPLY, engines)))
    assert second.asked_at_ms == []


def test_the_error_of_the_second_engine_is_told_when_both_fail() -> None:
    last = Run(error=failed(Stage.LLM, retry_after_ms=42))
    engines = pair(FailingResponder("a", DOWN), FailingResponder("b", last))
    with pytest.raises(EngineError) as caught:
        run_virtually(written(with_fallback(REPLY, engines)))
    assert caught.value.retry_after_ms == 42


def test_an_engine_that_keeps_failing_is_probed_and_comes_back() -> None:
    first = FailingResponder("a", *[DOWN] * 5, Run(1))
    engines = pair(first, FailingResponder("b", Run(1)))

    async def talk() -> list[str]:
        said = []
        for _ in range(20):
            said.append((await written(with_fallback(REPLY, engines))).strip())
            await asyncio.sleep(0.25)
        return said

    said = run_virtually(talk())
    # Three failures open it; from then on it is asked once a second.
    assert first.asked_at_ms[:6] == [0, 250, 500, 1_500, 2_500, 3_500]
    assert said == ["b0"] * 14 + ["a0"] * 6


def test_an_engine_that_says_when_it_is_back_is_left_alone() -> None:
    busy = Run(error=failed(Stage.LLM, retry_after_ms=2_000))
    first = FailingResponder("a", busy, Run(1))
    engines = pair(first, FailingResponder("b", Run(1)))

    async def talk() -> None:
        for _ in range(12):
            await written(with_fallback(REPLY, engines))
            await asyncio.sleep(0.25)

    run_virtually(talk())
    assert first.asked_at_ms[:2] == [0, 2_000]


def test_a_phrase_is_spoken_by_the_second_engine() -> None:
    down = Run(error=failed(Stage.TTS))
    engines = pair(FailingSynthesizer("a", down), FailingSynthesizer("b", Run(2)))
    speech = with_fallback(SPEECH, engines).synthesize(SpeechRequest("Hello."))
    assert run_virtually(spoken(speech)) == "bb"


def test_a_phrase_that_was_cut_begins_anew() -> None:
    cut = Run(2, failed(Stage.TTS))
    engines = pair(FailingSynthesizer("a", cut), FailingSynthesizer("b", Run(3)))
    speech = with_fallback(SPEECH, engines).synthesize(SpeechRequest("Hello."))
    assert run_virtually(spoken(speech)) == "aa|bbb"


def test_the_second_recognizer_hears_the_whole_utterance() -> None:
    second = FailingTranscriber("b", Run())
    engines = pair(FailingTranscriber("a", Run(2, failed(Stage.STT))), second)

    async def transcribed() -> list[str]:
        transcriber = with_fallback(TRANSCRIPTION, engines)
        results = transcriber.transcribe(fed(1, 2, 3), "en-US")
        return [heard.text async for heard in hypotheses_of(results)]

    assert run_virtually(transcribed()) == ["a1", "a1 a2", "b 3"]
    assert second.heard == [[1, 2, 3]]


def test_a_request_that_is_not_wanted_any_more_closes_the_engine_and_asks_no_other() -> None:
    first, second = FailingResponder("a", Run(5)), FailingResponder("b", Run(5))
    responder = with_fallback(REPLY, pair(first, second))

    async def leave() -> None:
        async with aclosing(responder.respond(QUESTION)) as parts:
            await anext(parts)

    run_virtually(leave())
    assert (first.open_requests, second.asked_at_ms) == (0, [])
