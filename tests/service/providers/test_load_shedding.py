"""Hypotheses that are left out under load."""

from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from cedar_voice_service.audio.formats import AudioBlock
from cedar_voice_service.providers.protocols import Hypothesis
from cedar_voice_service.providers.wrappers.load_shedding import LoadSheddingTranscriber
from cedar_voice_service.session.load_shedding import SAMPLES, LoadMonitor, Thresholds
from tests.support.failing_engines import fed
from tests.support.hypotheses import hypotheses_of
from tests.support.virtual_time import run_virtually


class Talkative:
    """Says a word, that it is settled, and that it is final."""

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        """See `Transcriber.transcribe`."""
        yield Hypothesis("partial", is_final=False)
        yield Hypothesis("settled", is_final=False, is_settled=True)
        yield Hypothesis("final", is_final=True)


@pytest.mark.parametrize(
    ("lag_ms", "told"),
    [(0, ["partial", "settled", "final"]), (30, ["settled", "final"]), (500, ["final"])],
)
def test_partials_go_first_then_what_drafts_begin_on(lag_ms: float, told: list[str]) -> None:
    load_monitor = LoadMonitor(Thresholds(25, 50, 100))
    for _ in range(SAMPLES):
        load_monitor.record(lag_ms)

    async def transcribed() -> list[str]:
        transcriber = LoadSheddingTranscriber(Talkative(), load_monitor)
        results = transcriber.transcribe(fed(100), "en-US")
        return [heard.text async for heard in hypotheses_of(results)]

    assert run_virtually(transcribed()) == told
