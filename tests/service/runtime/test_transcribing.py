"""What is reported of an utterance that several attempts and engines hear. In virtual time."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from cedar_voice_service.audio.formats import AudioBlock
from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.protocols import Hypothesis, Transcriber
from cedar_voice_service.providers.wrappers.circuit_breaker import CircuitBreaker
from cedar_voice_service.providers.wrappers.fallback import (
    NamedEngine,
    PrimaryAndFallback,
    with_fallback,
)
from cedar_voice_service.providers.wrappers.retry import RetryPolicy, retried
from cedar_voice_service.providers.wrappers.stage import TRANSCRIPTION
from cedar_voice_service.runtime.stt_stage import SttStage
from cedar_voice_service.session import events as on
from tests.support.failing_engines import FailingTranscriber, Run, failed, fed
from tests.support.virtual_time import run_virtually

TWICE = RetryPolicy(Stage.STT, 2, 5_000)
CUT = Run(2, failed(Stage.STT))


class Saying:
    """Says what it is told to: partials that are stable as a whole, and a final."""

    def __init__(self, *texts: str) -> None:
        self._texts = texts

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        """See `Transcriber.transcribe`."""
        *partials, final = self._texts
        for text in partials:
            yield Hypothesis(text, is_final=False, stable_text=text)
        yield Hypothesis(final, is_final=True)


WORDS = (on.PartialTranscribed, on.FinalTranscribed)


def reported(transcriber: Transcriber, kind: Any = WORDS) -> list[Any]:
    """Events of an utterance of 300 ms."""
    events: list[Any] = []

    async def report(event: on.WorkEvent) -> None:
        events.append(event)

    feed = fed(100, 200, 300)
    stage = SttStage(transcriber, work_id=1, language="en", report=report)
    run_virtually(stage.run(feed))
    return [event for event in events if isinstance(event, kind)]


def both(first: Transcriber, second: Transcriber) -> Transcriber:
    """Two engines, of which the second stands in for the first."""
    pair = PrimaryAndFallback(
        NamedEngine("a", first), NamedEngine("b", second), CircuitBreaker(3, 1_000)
    )
    return with_fallback(TRANSCRIPTION, pair)


def sent_ms(transcriber: Transcriber) -> int:
    """What the engines told that they were sent."""
    return sum(event.duration_ms for event in reported(transcriber, on.AudioSent))


def test_what_failed_attempts_were_sent_is_counted() -> None:
    assert sent_ms(retried(TRANSCRIPTION, FailingTranscriber("a", CUT, Run()), TWICE)) == 300 + 300


def test_what_the_engine_that_failed_was_sent_is_counted() -> None:
    first = retried(TRANSCRIPTION, FailingTranscriber("a", CUT), TWICE)
    assert sent_ms(both(first, FailingTranscriber("b", Run()))) == 2 * 300 + 300


def test_what_was_sent_for_nothing_is_counted() -> None:
    down = retried(TRANSCRIPTION, FailingTranscriber("a", CUT), TWICE)
    assert sent_ms(down) == 2 * 300
    assert len(reported(down, on.TranscriptionFailed)) == 1


def test_no_attempt_takes_stable_words_back() -> None:
    again = retried(TRANSCRIPTION, FailingTranscriber("a", CUT, Run(3)), TWICE)
    assert [event.text for event in reported(again)[:-1]] == [
        "a100",
        "a100 a200",
        "a100 a200",
        "a100 a200 a300",
    ]
    other = both(FailingTranscriber("a", CUT), FailingTranscriber("b", Run(3)))
    assert [event.text for event in reported(other)[:-1]] == ["a100", "a100 a200"]


@pytest.mark.parametrize(
    ("told", "final", "text"),
    [
        ("open the", "open the settings", "open the settings"),
        ("open the", "Open, the settings.", "open the settings."),
        ("to day is", "Today is fine.", "to day is fine."),
        ("show me the rapport", "show me the report", "show me the rapport"),
        ("show me", "", "show me"),
        ("", "anything", "anything"),
    ],
)
def test_a_final_keeps_what_was_told_as_stable(told: str, final: str, text: str) -> None:
    assert reported(Saying(told, final))[-1].text == text
