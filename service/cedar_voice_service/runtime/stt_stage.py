"""Running a recognizer for one turn: audio in, hypotheses reported as they arrive."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.protocols import AudioSent, Hypothesis, Transcriber
from cedar_voice_service.recognition.words import join, keeping, split
from cedar_voice_service.runtime.audio_feed import AudioFeed
from cedar_voice_service.session import events as on

Report = Callable[[on.WorkEvent], Awaitable[None]]
"""Reports an event to the session; waits while the session has too many."""


class SttStage:
    """Recognizes one utterance and reports the result."""

    def __init__(
        self, transcriber: Transcriber, *, work_id: int, language: str, report: Report
    ) -> None:
        self._transcriber = transcriber
        self._work_id = work_id
        self._language = language
        self._report = report

    async def run(self, feed: AudioFeed) -> None:
        """Recognize the audio of the feed until the final transcript."""
        guard = StableTextGuard(self._work_id)
        try:
            async with aclosing(self._transcriber.transcribe(feed, self._language)) as results:
                async for result in results:
                    if feed.is_overrun:
                        raise EngineError(Stage.STT, "the recognizer cannot keep up")
                    if (event := guard.event(result)) is not None:
                        await self._report(event)
            if not guard.is_final:
                raise EngineError(Stage.STT, "the recognizer ended without a result")
        except EngineError as error:
            await self._report(on.TranscriptionFailed(self._work_id, error))


class StableTextGuard:
    """Keeps the reported stable text of one utterance, whichever engines and attempts follow.

    A partial that contradicts it is dropped, and a final transcript begins with it.
    """

    def __init__(self, work_id: int) -> None:
        self._work_id = work_id
        self._stable_text = ""
        self.is_final = False

    def event(
        self, result: Hypothesis | AudioSent
    ) -> on.AudioSent | on.FinalTranscribed | on.PartialTranscribed | None:
        """Return the event to report for a result; None for a partial that is dropped."""
        if isinstance(result, AudioSent):
            return on.AudioSent(self._work_id, result.duration_ms)
        self.is_final = result.is_final
        text, stable_text = result.text.strip(), result.stable_text.strip()
        if result.is_final:
            return on.FinalTranscribed(
                self._work_id, self._with_stable_text(text), result.confidence
            )
        if not stable_text.startswith(self._stable_text):
            return None
        self._stable_text = stable_text
        return on.PartialTranscribed(
            self._work_id, text, result.confidence, stable_text, result.is_settled
        )

    def _with_stable_text(self, text: str) -> str:
        if text.startswith(self._stable_text):
            return text
        return join(keeping(split(self._stable_text), split(text)))
