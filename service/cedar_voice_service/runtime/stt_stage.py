"""Running a recognizer for one turn: audio in, hypotheses reported as they come."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.protocols import AudioSent, Hypothesis, Transcriber
from cedar_voice_service.recognition.words import join, keeping, split
from cedar_voice_service.runtime.audio_feed import AudioFeed
from cedar_voice_service.session import events as on

Report = Callable[[on.WorkEvent], Awaitable[None]]
"""Hands an event to the session; waits while the session has too many."""


async def transcribe(
    transcriber: Transcriber, feed: AudioFeed, *, work_id: int, language: str, report: Report
) -> None:
    """Recognize one utterance and report what comes of it."""
    told = _Told(work_id)
    try:
        async with aclosing(transcriber.transcribe(feed, language)) as results:
            async for result in results:
                if feed.is_overrun:
                    raise EngineError(Stage.STT, "the recognizer cannot keep up")
                if (event := told.event(result)) is not None:
                    await report(event)
        if not told.is_final:
            raise EngineError(Stage.STT, "the recognizer ended without a result")
    except EngineError as error:
        await report(on.TranscriptionFailed(work_id, error))


class _Told:
    """What was told of one utterance, by however many engines and attempts.

    Stable text stays: a partial that takes it back is dropped, and a final keeps it.
    """

    def __init__(self, work_id: int) -> None:
        self._work_id = work_id
        self._stable_text = ""
        self.is_final = False

    def event(
        self, result: Hypothesis | AudioSent
    ) -> on.AudioSent | on.FinalTranscribed | on.PartialTranscribed | None:
        """What to report of a result, if anything."""
        if isinstance(result, AudioSent):
            return on.AudioSent(self._work_id, result.duration_ms)
        self.is_final = result.is_final
        text, stable_text = result.text.strip(), result.stable_text.strip()
        if result.is_final:
            return on.FinalTranscribed(self._work_id, self._keeping(text), result.confidence)
        if not stable_text.startswith(self._stable_text):
            return None
        self._stable_text = stable_text
        return on.PartialTranscribed(
            self._work_id, text, result.confidence, stable_text, result.is_settled
        )

    def _keeping(self, text: str) -> str:
        if text.startswith(self._stable_text):
            return text
        return join(keeping(split(self._stable_text), split(text)))
