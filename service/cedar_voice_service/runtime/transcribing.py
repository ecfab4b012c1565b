"""Running a recognizer for one turn: audio in, hypotheses reported as they come."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.protocols import Hypothesis, Transcriber
from cedar_voice_service.runtime.feed import AudioFeed
from cedar_voice_service.session import events as on

Report = Callable[[on.WorkEvent], Awaitable[None]]
"""Hands an event to the session; waits while the session has too many."""


async def transcribe(
    transcriber: Transcriber, feed: AudioFeed, *, work_id: int, language: str, report: Report
) -> None:
    """Recognize one utterance and report what comes of it."""
    is_final = False
    try:
        async with aclosing(transcriber.transcribe(feed, language)) as hypotheses:
            async for hypothesis in hypotheses:
                if feed.is_overrun:
                    raise EngineError(Stage.STT, "the recognizer cannot keep up")
                is_final = hypothesis.is_final
                await report(_event(work_id, hypothesis))
        if not is_final:
            raise EngineError(Stage.STT, "the recognizer ended without a result")
    except EngineError as error:
        await report(on.TranscriptionFailed(work_id, error))


def _event(work_id: int, heard: Hypothesis) -> on.FinalTranscribed | on.PartialTranscribed:
    text = heard.text.strip()
    if heard.is_final:
        return on.FinalTranscribed(work_id, text, heard.confidence, heard.sent_ms)
    return on.PartialTranscribed(
        work_id, text, heard.confidence, heard.stable_text.strip(), heard.is_settled, heard.sent_ms
    )
