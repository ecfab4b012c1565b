"""One turn: an input of the user and everything that follows from it.

Times ending in `_at_ms` are clock milliseconds, the others are on the timeline of input audio.
"""

from dataclasses import dataclass, field, replace

from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session.events import FinalTranscribed, PartialTranscribed
from cedar_voice_service.session.messages import Transcription, TurnMetrics
from cedar_voice_service.session.response.timings import InputTimings, between
from cedar_voice_shared.text import joined


@dataclass(slots=True)
class Counts:
    """Resources that a turn consumed; `stt_audio_ms` is None before the first audio is sent."""

    speech_ms: int = 0
    stt_audio_ms: int | None = None
    drafts: int = 0
    dropped_drafts: int = 0
    dropped_draft_tokens: int = 0

    def add_speech(self, duration_ms: int) -> None:
        """Count speech of the user."""
        self.speech_ms += duration_ms

    def add_stt_audio(self, duration_ms: int) -> None:
        """Count audio sent to a recognizer."""
        self.stt_audio_ms = (self.stt_audio_ms or 0) + duration_ms

    def add_draft(self) -> None:
        """Count a draft that was started."""
        self.drafts += 1

    def add_dropped_draft(self, token_count: int) -> None:
        """Count a draft that was dropped, and the tokens written for it."""
        self.dropped_drafts += 1
        self.add_dropped_tokens(token_count)

    def add_dropped_tokens(self, token_count: int) -> None:
        """Count tokens that were written in vain."""
        self.dropped_draft_tokens += token_count


@dataclass(slots=True, kw_only=True)
class Turn:
    """A turn; of this class itself, one whose input was not spoken."""

    turn_id: int
    last_progress_at_ms: int
    user_text: str = ""
    timings: InputTimings = field(default_factory=InputTimings)
    counts: Counts = field(default_factory=Counts)

    def record_progress(self, now_ms: int) -> None:
        """Record a sign of life of the stage that the turn waits for."""
        self.last_progress_at_ms = now_ms

    def record(self) -> TurnMetrics:
        """Return the metrics of the input; those of the response are added by it."""
        return TurnMetrics(
            endpointing_ms=self.timings.endpointing_ms,
            stt_final_ms=between(self.timings.ended_at_ms, self.timings.transcribed_at_ms),
            speech_ms=self.counts.speech_ms,
            stt_audio_ms=self.counts.stt_audio_ms,
            drafts=self.counts.drafts,
            dropped_drafts=self.counts.dropped_drafts,
            dropped_draft_tokens=self.counts.dropped_draft_tokens,
        )


@dataclass(slots=True, kw_only=True)
class SpokenTurn(Turn):
    """A turn of speech.

    Its audio starts at `start_ms`; `end_ms` is None while its end is open. `work_id` is the work
    of its recognizer. `said_text` was recognized before the user continued the turn.
    """

    start_ms: int
    is_candidate: bool
    """Whether it started over an answer and does not count yet: nothing is sent about it."""
    work_id: int = 0
    end_ms: int | None = None
    speech_start_ms: int | None = None
    """Start of the newest speech in it; None while it has none."""
    said_text: str = ""
    is_too_long: bool = False
    """Whether it was ended because of its length."""
    is_cancelled: bool = False
    """Whether its answer was stopped before it began."""
    failure: CedarVoiceError | None = None
    """Error of its recognizer, kept while speech over an answer is undecided."""

    def start_recognition(self, work_id: int) -> None:
        """Record the work of the recognizer that transcribes the turn from here on."""
        self.work_id = work_id

    def add_speech(self, start_ms: int, ended_ms: int) -> None:
        """Make speech part of the turn; `ended_ms` is how much of it has ended already."""
        self.speech_start_ms = start_ms
        self.counts.add_speech(ended_ms)

    def check_length(self, heard_ms: int, max_ms: int) -> bool:
        """Return whether the turn is too long, given how far input audio was heard."""
        self.is_too_long = heard_ms - self.start_ms >= max_ms
        return self.is_too_long

    def end_input(self, end_ms: int, now_ms: int) -> None:
        """End the audio of the turn: its final transcription is due."""
        self.end_ms = end_ms
        self.record_progress(now_ms)
        self.timings.mark_ended(now_ms)

    def abandon(self, end_ms: int) -> None:
        """End the audio of the turn, which nothing waits for any more."""
        self.end_ms = end_ms

    def reopen(self, now_ms: int) -> None:
        """Continue the turn after its end: its text so far stays part of it."""
        self.said_text, self.end_ms = self.user_text, None
        self.is_candidate = False
        self.record_progress(now_ms)

    def admit(self) -> None:
        """Count the turn as one: it interrupted the answer, or outlasted it."""
        self.is_candidate = False

    def cancel_answer(self) -> None:
        """Record that the client stopped the answer before it began."""
        self.is_cancelled = True

    def keep_failure(self, error: CedarVoiceError) -> None:
        """Keep the error of the recognizer until the speech over an answer is decided."""
        self.failure = error

    def finalize(self, text: str, now_ms: int) -> None:
        """Record the final transcription since the user last continued the turn."""
        self.user_text = self.whole(text)
        self.timings.mark_transcribed(now_ms)

    def whole(self, text: str) -> str:
        """Return the text of the whole turn, given the text since the user last continued it."""
        return joined(self.said_text, text)

    def transcription(
        self, event: PartialTranscribed | FinalTranscribed, heard_ms: int, *, continues: bool
    ) -> Transcription:
        """Return the message for a report of the recognizer, with the text before it."""
        is_final = isinstance(event, FinalTranscribed)
        stable_text = event.text if isinstance(event, FinalTranscribed) else event.stable_text
        return Transcription(
            self.whole(event.text),
            is_final,
            confidence=None if self.said_text else event.confidence,
            start_ms=self.start_ms,
            end_ms=heard_ms if self.end_ms is None else self.end_ms,
            stable_text=self.whole(stable_text),
            continues=continues,
        )

    def record(self) -> TurnMetrics:
        """Return the metrics of the input; those of the response are added by it."""
        duration_ms = between(self.start_ms, self.end_ms) or 0
        return replace(Turn.record(self), input_audio_ms=duration_ms)
