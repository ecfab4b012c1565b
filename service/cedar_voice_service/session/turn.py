"""One turn: a user input and all it causes. A record; the rules are in `machine` and `response`.

Times ending in `_at_ms` are clock milliseconds, the others are on the timeline of input audio.
"""

from dataclasses import dataclass, field

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.session.messages import TurnMetrics
from cedar_voice_service.session.response import Response
from cedar_voice_service.session.timings import Timings


@dataclass(slots=True)
class Turn:
    """A turn in progress; `from_ms` is where its audio begins, None for typed input."""

    turn_id: int
    from_ms: int | None
    last_progress_at_ms: int
    end_ms: int | None = None
    has_speech: bool = False
    response: Response | None = None
    timings: Timings = field(default_factory=Timings)

    @property
    def timeout(self) -> EngineError:
        """The error of the stage that the turn waits for."""
        stage = Stage.STT
        if self.response is not None:
            stage = Stage.TTS if self.response.is_written else Stage.LLM
        message = f"the {stage.value} stage took too long"
        return EngineError(stage, message, code=Code.STAGE_TIMEOUT)

    def metrics(self, now_ms: int) -> TurnMetrics:
        """The record of the turn, which is over now."""
        marks = self.timings
        ended = marks.input_ended_at_ms
        return TurnMetrics(
            response_latency_ms=_between(ended, marks.first_sent_at_ms),
            endpointing_ms=marks.endpointing_ms,
            stt_final_ms=_between(ended, marks.transcribed_at_ms),
            llm_first_token_ms=_between(marks.reply_requested_at_ms, marks.first_token_at_ms),
            llm_total_ms=_between(marks.reply_requested_at_ms, marks.written_at_ms),
            tts_first_audio_ms=_between(marks.synthesis_started_at_ms, marks.first_speech_at_ms),
            turn_total_ms=_between(ended, now_ms),
            input_audio_ms=_between(self.from_ms, self.end_ms) or 0,
            output_audio_ms=self.response.playout.sent_ms if self.response else 0,
            interrupted=bool(self.response and self.response.was_cut),
        )


def _between(start_ms: int | None, end_ms: int | None) -> int | None:
    if start_ms is None or end_ms is None:
        return None
    return max(0, end_ms - start_ms)
