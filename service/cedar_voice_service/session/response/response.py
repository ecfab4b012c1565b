"""The answer of one turn: its text, its actions, and its audio on the way to the listener.

Takes the reports of the work and returns the messages that follow from them. Whatever happens, the
messages hold exactly one `ResponseStarted`, one `ResponseCompleted` and one last `Speech`.
"""

from dataclasses import dataclass

from cedar_voice_service.audio.formats import AudioFormat
from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as say
from cedar_voice_service.session.answer_parts import FinishReason, Usage
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.history import AssistantMessage, HistoryItem
from cedar_voice_service.session.response.playout import Playout
from cedar_voice_service.session.response.text import Script
from cedar_voice_service.session.response.timings import ResponseTimings
from cedar_voice_service.session.text import spoken_within

NEAR_END_MS = 250
"""Who has played all but this has played it all: players round, and leave out what pads a file."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a response is treated.

    Whether a model writes it or it is recited, whether speech may interrupt it, and whether the
    history keeps it.
    """

    is_recited: bool = False
    is_interruptible: bool = True
    is_kept: bool = True


class Response:
    """One response in progress, made by the work `work_id`. Times are clock milliseconds."""

    def __init__(
        self,
        response_id: int,
        work_id: int,
        config: SessionConfig,
        now_ms: int,
        manner: Manner | None = None,
    ) -> None:
        self.response_id = response_id
        self.work_id = work_id
        self.config = config
        self.manner = manner or Manner()
        self.playout = Playout(config.output_audio.max_lead_ms)
        self.timings = ResponseTimings(now_ms)
        self.was_cut = False
        self._script = Script()
        self._kept_text = ""
        self._is_synthesized = False
        self._is_closed = False
        self._format: AudioFormat | None = None

    @property
    def text(self) -> str:
        """What the model wrote so far."""
        return self._script.text

    @property
    def is_written(self) -> bool:
        """Whether the text is complete."""
        return self._script.is_complete

    @property
    def usage(self) -> Usage | None:
        """Tokens consumed, as far as the model told."""
        return self._script.usage

    @property
    def token_count(self) -> int:
        """Tokens that the model wrote, more or less."""
        return self._script.token_count

    @property
    def has_acted(self) -> bool:
        """Whether the model called a tool: that cannot be taken back."""
        return bool(self._script.calls)

    def was_perceived_by(self, at_ms: int) -> bool:
        """Whether the user can have noticed by then that it is answered."""
        if self.config.settings.use_browser_tts:
            return self._script.has_begun
        sent_at_ms = self.timings.first_sent_at_ms
        return sent_at_ms is not None and sent_at_ms <= at_ms

    def is_over(self, now_ms: int) -> bool:
        """Whether everything was sent and, as far as can be told, heard."""
        return self.is_sent and not self.playout.is_held and now_ms >= self.playout.ends_at_ms

    @property
    def is_sent(self) -> bool:
        """Whether everything was sent, text and audio."""
        return self._script.is_complete and self._is_closed

    @property
    def history_items(self) -> list[HistoryItem]:
        """What the conversation keeps of the response once it is over."""
        if not self.manner.is_kept:
            return []
        items = self._script.acts
        text = self._kept_text if self.was_cut else self.text
        if text.strip():
            items.append(AssistantMessage(text, interrupted=self.was_cut))
        return items

    def take(self, event: on.WorkEvent, now_ms: int) -> list[say.Message]:
        """Take a report of the work for this response."""
        match event:
            case on.ReplyWritten(text=text, token_count=count) if not self._script.is_complete:
                self.timings.mark("first_token_at_ms", now_ms)
                self._script.write(text, count, is_told=self.config.settings.stream)
                return self._text_due(now_ms)
            case on.ToolCalled(call_id=call_id, action=action):
                self._script.call(call_id, action)
                return [*self._rest_of_text(), say.ActionRequested(self.response_id, action)]
            case on.ToolRefused(error=error):
                return [*self._rest_of_text(), say.Failed(error)]
            case on.ReplyEnded(finish_reason=reason, usage=usage):
                return self._complete(reason, now_ms, usage=usage)
            case on.ReplyFailed(error=error):
                return [
                    *self._rest_of_text(),
                    say.Failed(error),
                    *self._complete(FinishReason.ERROR, now_ms, error=error),
                ]
            case on.SynthesisStarted():
                self.timings.mark("synthesis_started_at_ms", now_ms)
                return []
            case on.SpeechSynthesized(_, chunks, audio_format) if not self._is_synthesized:
                self.timings.mark("first_speech_at_ms", now_ms)
                self._format = audio_format
                for chunk in chunks:
                    self.playout.add(chunk)
                return self.due(now_ms)
            case on.SpeechEnded():
                self._is_synthesized = True
                return self.due(now_ms)
            case on.SpeechFailed(error=error):
                self._is_synthesized = True
                return [say.Failed(error), *self.due(now_ms)]
            case _:
                return []  # of a stage that is over already

    @property
    def next_at_ms(self) -> int | None:
        """When there is text or audio to be sent that is there already."""
        ats_ms = (self.playout.next_at_ms, self._script.next_at_ms)
        return min((at_ms for at_ms in ats_ms if at_ms is not None), default=None)

    def due(self, now_ms: int) -> list[say.Message]:
        """The text and the audio to be sent now."""
        messages = self._text_due(now_ms)
        due = self.playout.take_due(now_ms)
        if due:
            self._is_closed = self._is_synthesized and self.playout.is_drained
        for chunk in due:
            is_first = self.timings.first_sent_at_ms is None
            self.timings.mark("first_sent_at_ms", now_ms)
            messages.append(
                say.Speech(
                    self.response_id,
                    chunk.data,
                    chunk.offset_ms,
                    chunk.duration_ms,
                    text=chunk.text,
                    format=self._format if is_first else None,
                    is_last=self._is_closed and chunk is due[-1],
                )
            )
        if self._is_synthesized and self.playout.is_drained and not self._is_closed:
            messages.append(self._close())
        return messages

    def _text_due(self, now_ms: int) -> list[say.Message]:
        return self._told(self._script.take_due(now_ms))

    def _rest_of_text(self) -> list[say.Message]:
        return self._told(self._script.take_rest())

    def _told(self, text: str) -> list[say.Message]:
        return [say.ResponseDelta(self.response_id, text)] if text else []

    def hold(self, now_ms: int) -> list[say.Message]:
        """Send no more audio until the release; a client that can pauses what it has."""
        self.playout.hold(now_ms, pauses=self.config.output_audio.supports_hold)
        return self._tell_hold(held=True)

    def release(self, now_ms: int) -> list[say.Message]:
        """Go on; nothing happens unless the response is held."""
        if not self.playout.is_held:
            return []
        self.playout.release(now_ms)
        return self._tell_hold(held=False)

    def _tell_hold(self, *, held: bool) -> list[say.Message]:
        supports_hold = self.config.output_audio.supports_hold
        return [say.PlaybackHeld(self.response_id, held)] if supports_hold else []

    def report_playback(self, played_ms: int, now_ms: int) -> None:
        """The client has played this much of the audio."""
        self.playout.report(played_ms, now_ms)
        if played_ms > 0:
            self.timings.mark("first_heard_at_ms", now_ms - played_ms)

    def cut(
        self, reason: say.InterruptionReason, played_ms: int | None, now_ms: int
    ) -> list[say.Message]:
        """Cut the response off; `played_ms` is the client's own figure of what was heard."""
        heard_ms, self._kept_text = self._heard(played_ms, now_ms)
        self.was_cut = True
        by_client = reason is say.InterruptionReason.CLIENT_REQUEST
        finish = FinishReason.CANCELLED if by_client else FinishReason.INTERRUPTED
        self._script.take_rest()  # of which nobody is told
        return [
            say.Interrupted(self.response_id, reason, heard_ms, self._kept_text),
            *self._complete(finish, now_ms),
            *self._abandon_speech(),
        ]

    def cut_late(self, played_ms: int | None, now_ms: int) -> None:
        """It is over by our clock, and its client stopped it all the same before its end."""
        heard_ms, text = self._heard(played_ms, now_ms)
        is_near_end = heard_ms >= self.playout.sent_ms - NEAR_END_MS
        if self.config.settings.use_browser_tts:
            is_near_end = text == self.text.rstrip()
        if not is_near_end:
            self._kept_text, self.was_cut = text, True

    def _heard(self, played_ms: int | None, now_ms: int) -> tuple[int, str]:
        """How long was listened to it, and what was heard: all where a client that speaks by itself
        does not tell.
        """
        settings = self.config.settings
        if settings.use_browser_tts:
            text = self.text.rstrip()
            if played_ms is not None:
                text = spoken_within(text, int(played_ms * settings.rate))
            return played_ms or 0, text
        heard_ms = self.playout.heard_ms(now_ms)
        if played_ms is not None:
            heard_ms = min(played_ms, self.playout.sent_ms)
        return heard_ms, self.playout.heard_text(heard_ms)

    def fail(self, error: CedarVoiceError, now_ms: int) -> list[say.Message]:
        """Give the response up: its work made no progress."""
        return [
            *self._rest_of_text(),
            say.Failed(error),
            *self._complete(FinishReason.ERROR, now_ms, error=error),
            *self._abandon_speech(),
        ]

    def _complete(
        self,
        reason: FinishReason,
        now_ms: int,
        *,
        usage: Usage | None = None,
        error: CedarVoiceError | None = None,
    ) -> list[say.Message]:
        if self._script.is_complete:
            return []
        self._script.is_complete = True
        self._script.usage = usage
        self.timings.mark("written_at_ms", now_ms)
        completed = say.ResponseCompleted(self.response_id, self.text, reason, usage, error)
        return [*self._rest_of_text(), completed]

    def _abandon_speech(self) -> list[say.Message]:
        self._is_synthesized = True  # whatever is still on its way
        self.playout.clear()
        return [] if self._is_closed else [self._close()]

    def _close(self) -> say.Speech:
        self._is_closed = True
        return say.Speech(self.response_id, b"", self.playout.sent_ms, 0, is_last=True)
