"""One turn: a user input and all it causes. A record, without rules.

Times ending in `_at_ms` are clock milliseconds, the others are on the timeline of input audio.
"""

from dataclasses import dataclass, field, replace

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.session.commands import CancelWork
from cedar_voice_service.session.events import FinalTranscribed, PartialTranscribed
from cedar_voice_service.session.messages import Transcription, TurnMetrics
from cedar_voice_service.session.response.response import Response
from cedar_voice_service.session.response.timings import InputTimings
from cedar_voice_service.session.turns.draft import Draft
from cedar_voice_shared.text import joined


@dataclass(slots=True)
class Turn:
    """A turn in progress.

    `from_ms` is where its audio begins, None for input that was not spoken; `said_text` is what was
    said before the user went on in the same turn. `instructions` are those of its answer, None
    unless the client asked for it. A turn is unwanted when its answer was stopped before it began,
    and cut when it was ended because it was too long.
    """

    turn_id: int
    from_ms: int | None
    last_progress_at_ms: int
    hearing_work_id: int = 0
    end_ms: int | None = None
    has_speech: bool = False
    speech_from_ms: int = 0
    said_text: str = ""
    user_text: str = ""
    instructions: str | None = None
    is_unwanted: bool = False
    is_cut: bool = False
    draft: Draft | None = None
    response: Response | None = None
    timings: InputTimings = field(default_factory=InputTimings)
    counts: "Counts" = field(default_factory=lambda: Counts())

    @property
    def timeout(self) -> EngineError:
        """The error of the stage that the turn waits for."""
        stage = Stage.STT
        if self.response is not None:
            stage = Stage.TTS if self.response.is_written else Stage.LLM
        message = f"the {stage.value} stage took too long"
        return EngineError(stage, message, code=Code.STAGE_TIMEOUT)

    def whole(self, text: str) -> str:
        """The whole utterance, given what was recognized since the user last went on."""
        return joined(self.said_text, text)

    def transcription(
        self, event: PartialTranscribed | FinalTranscribed, heard_ms: int, *, continues: bool
    ) -> Transcription:
        """What was recognized, with what was said before the user last went on."""
        is_final = isinstance(event, FinalTranscribed)
        stable_text = event.text if isinstance(event, FinalTranscribed) else event.stable_text
        return Transcription(
            self.whole(event.text),
            is_final,
            confidence=None if self.said_text else event.confidence,
            start_ms=self.from_ms or 0,
            end_ms=heard_ms if self.end_ms is None else self.end_ms,
            stable_text=self.whole(stable_text),
            continues=continues,
        )

    def drop_draft(self) -> list[CancelWork]:
        """Throw the draft away, if there is one; what is to be done about it."""
        draft, self.draft = self.draft, None
        if draft is None:
            return []
        self.counts.dropped_drafts += 1
        self.counts.dropped_draft_tokens += draft.response.token_count
        return [CancelWork(draft.response.work_id)]

    def metrics(self, now_ms: int) -> TurnMetrics:
        """The record of the turn, which is over now."""
        ended, counts = self.timings.ended_at_ms, self.counts
        record = TurnMetrics(
            endpointing_ms=self.timings.endpointing_ms,
            stt_final_ms=_between(ended, self.timings.transcribed_at_ms),
            input_audio_ms=_between(self.from_ms, self.end_ms) or 0,
            speech_ms=counts.speech_ms,
            stt_audio_ms=counts.stt_audio_ms,
            drafts=counts.drafts,
            dropped_drafts=counts.dropped_drafts,
            dropped_draft_tokens=counts.dropped_draft_tokens,
        )
        return (
            record if self.response is None else self._with_response(record, self.response, now_ms)
        )

    def _with_response(self, record: TurnMetrics, response: Response, now_ms: int) -> TurnMetrics:
        marks, ended = response.timings, self.timings.ended_at_ms
        asked = None if response.manner.is_recited else marks.requested_at_ms
        return replace(
            record,
            response_latency_ms=_between(ended, marks.first_sent_at_ms),
            turn_total_ms=_between(ended, now_ms),
            llm_first_token_ms=_between(asked, marks.first_token_at_ms),
            llm_total_ms=_between(asked, marks.written_at_ms),
            tts_first_audio_ms=_between(marks.synthesis_started_at_ms, marks.first_speech_at_ms),
            first_phrase_ms=_between(ended, marks.synthesis_started_at_ms),
            first_heard_ms=_between(ended, marks.first_heard_at_ms),
            output_audio_ms=response.playout.sent_ms,
            interrupted=response.was_cut,
            usage=response.usage,
        )


@dataclass(slots=True)
class Counts:
    """What a turn consumed; `stt_audio_ms` is None while no recognizer told."""

    speech_ms: int = 0
    stt_audio_ms: int | None = None
    drafts: int = 0
    dropped_drafts: int = 0
    dropped_draft_tokens: int = 0

    def sent(self, audio_ms: int) -> None:
        """A recognizer was sent more audio."""
        self.stt_audio_ms = (self.stt_audio_ms or 0) + audio_ms


def _between(start_ms: int | None, end_ms: int | None) -> int | None:
    if start_ms is None or end_ms is None:
        return None
    return max(0, end_ms - start_ms)
