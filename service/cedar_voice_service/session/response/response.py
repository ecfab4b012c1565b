"""The answer of one turn: its text, its actions, and its audio on the way to the client.

It processes reports of the engines and returns messages for the client. In every case the messages
hold exactly one `ResponseStarted`, one `ResponseCompleted` and one last `OutputAudio`.
"""

from dataclasses import dataclass, replace

from cedar_voice_service.audio.formats import AudioFormat
from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import FinishReason, Usage
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.history import AssistantMessage, HistoryItem
from cedar_voice_service.session.response.playout import Playout
from cedar_voice_service.session.response.text import ResponseText
from cedar_voice_service.session.response.timings import InputTimings, ResponseTimings, between
from cedar_voice_service.session.text import spoken_within

NEAR_END_MS = 250
"""A response played up to this distance from its end counts as played in full.

Players round, and skip the padding of a file.
"""


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """The kind of a response.

    A verbatim response speaks a given text, any other is written by the model. Speech may
    interrupt an interruptible response. The history keeps a kept one.
    """

    is_verbatim: bool = False
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
        options: ResponseOptions | None = None,
    ) -> None:
        self.response_id = response_id
        self.work_id = work_id
        self.config = config
        self.options = options or ResponseOptions()
        self.playout = Playout(config.output_audio.max_lead_ms)
        self.timings = ResponseTimings(now_ms)
        self.was_cut = False
        self._text = ResponseText()
        self._kept_text = ""
        self._is_synthesized = False
        self._is_closed = False
        self._format: AudioFormat | None = None

    @property
    def text(self) -> str:
        """Text of the model so far."""
        return self._text.text

    @property
    def is_written(self) -> bool:
        """Whether the text is complete."""
        return self._text.is_complete

    @property
    def usage(self) -> Usage | None:
        """Tokens consumed, as reported by the model; None without a report."""
        return self._text.usage

    @property
    def token_count(self) -> int:
        """Tokens that the model wrote, approximately."""
        return self._text.token_count

    @property
    def has_acted(self) -> bool:
        """Whether the model called a tool, which cannot be undone."""
        return bool(self._text.calls)

    def withhold(self, now_ms: int) -> None:
        """Hold the audio of a draft back until it is published."""
        self.playout.hold(now_ms, pauses=False)

    def publish(self, now_ms: int) -> list[msg.Message]:
        """Release the audio of a draft that became the answer; return the messages due now."""
        self.playout.release(now_ms)
        return self.due(now_ms)

    def was_perceived_by(self, at_ms: int) -> bool:
        """Whether the user can have noticed the response by this time."""
        if self.config.settings.use_browser_tts:
            return self._text.has_begun
        sent_at_ms = self.timings.first_sent_at_ms
        return sent_at_ms is not None and sent_at_ms <= at_ms

    def is_over(self, now_ms: int) -> bool:
        """Whether everything was sent and, by the clock or the client's reports, played."""
        return self.is_sent and not self.playout.is_held and now_ms >= self.playout.ends_at_ms

    @property
    def is_sent(self) -> bool:
        """Whether everything was sent, text and audio."""
        return self._text.is_complete and self._is_closed

    @property
    def history_items(self) -> list[HistoryItem]:
        """The response as the conversation keeps it once it is over."""
        if not self.options.is_kept:
            return []
        items = self._text.history_items
        text = self._kept_text if self.was_cut else self.text
        if text.strip():
            items.append(AssistantMessage(text, interrupted=self.was_cut))
        return items

    def process(self, event: on.WorkEvent, now_ms: int) -> list[msg.Message]:
        """Process a report of an engine; return the messages that follow."""
        match event:
            case on.ReplyWritten(text=text, token_count=count) if not self._text.is_complete:
                self.timings.mark_token(now_ms)
                self._text.write(text, count, is_streamed=self.config.settings.stream)
                return self._text_due(now_ms)
            case on.ToolCalled(call_id=call_id, action=action):
                self._text.call(call_id, action)
                return [*self._rest_of_text(), msg.ActionRequested(self.response_id, action)]
            case on.ToolRefused(error=error):
                return [*self._rest_of_text(), msg.Error(error)]
            case on.ReplyEnded(finish_reason=reason, usage=usage):
                return self._complete(reason, now_ms, usage=usage)
            case on.ReplyFailed(error=error):
                return [
                    *self._rest_of_text(),
                    msg.Error(error),
                    *self._complete(FinishReason.ERROR, now_ms, error=error),
                ]
            case on.SynthesisStarted():
                self.timings.mark_synthesis(now_ms)
                return []
            case on.SpeechSynthesized(_, chunks, audio_format) if not self._is_synthesized:
                self.timings.mark_speech(now_ms)
                self._format = audio_format
                for chunk in chunks:
                    self.playout.add(chunk)
                return self.due(now_ms)
            case on.SpeechEnded():
                self._is_synthesized = True
                return self.due(now_ms)
            case on.SpeechFailed(error=error):
                self._is_synthesized = True
                return [msg.Error(error), *self.due(now_ms)]
            case _:
                return []  # from a stage that is over already

    @property
    def next_at_ms(self) -> int | None:
        """Time to send text or audio that waits; None while none waits."""
        ats_ms = (self.playout.next_at_ms, self._text.next_at_ms)
        return min((at_ms for at_ms in ats_ms if at_ms is not None), default=None)

    def due(self, now_ms: int) -> list[msg.Message]:
        """Return the messages with the text and the audio to be sent now."""
        messages = self._text_due(now_ms)
        due = self.playout.pop_due(now_ms)
        if due:
            self._is_closed = self._is_synthesized and self.playout.is_drained
        for chunk in due:
            is_first = self.timings.first_sent_at_ms is None
            self.timings.mark_sent(now_ms)
            messages.append(
                msg.OutputAudio(
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

    def _text_due(self, now_ms: int) -> list[msg.Message]:
        return self._deltas(self._text.pop_due(now_ms))

    def _rest_of_text(self) -> list[msg.Message]:
        return self._deltas(self._text.pop_rest())

    def _deltas(self, text: str) -> list[msg.Message]:
        return [msg.ResponseDelta(self.response_id, text)] if text else []

    def hold(self, now_ms: int) -> list[msg.Message]:
        """Send no more audio until the release; a client that supports it pauses playback."""
        self.playout.hold(now_ms, pauses=self.config.output_audio.supports_hold)
        return self._hold_messages(held=True)

    def release(self, now_ms: int) -> list[msg.Message]:
        """Resume; nothing happens unless the response is held."""
        if not self.playout.is_held:
            return []
        self.playout.release(now_ms)
        return self._hold_messages(held=False)

    def _hold_messages(self, *, held: bool) -> list[msg.Message]:
        supports_hold = self.config.output_audio.supports_hold
        return [msg.PlaybackHold(self.response_id, held)] if supports_hold else []

    def report_playback(self, played_ms: int, now_ms: int) -> None:
        """Process the client's report of how much audio it has played."""
        self.playout.report(played_ms, now_ms)
        if played_ms > 0:
            self.timings.mark_heard(now_ms - played_ms)

    def cut(
        self, reason: msg.InterruptionReason, played_ms: int | None, now_ms: int
    ) -> list[msg.Message]:
        """Interrupt the response; `played_ms` is the client's own figure of the audio played."""
        heard_ms, self._kept_text = self._heard(played_ms, now_ms)
        self.was_cut = True
        by_client = reason is msg.InterruptionReason.CLIENT_REQUEST
        finish = FinishReason.CANCELLED if by_client else FinishReason.INTERRUPTED
        self._text.pop_rest()  # never sent
        return [
            msg.Interruption(self.response_id, reason, heard_ms, self._kept_text),
            *self._complete(finish, now_ms),
            *self._abandon_speech(),
        ]

    def cut_late(self, played_ms: int | None, now_ms: int) -> None:
        """Keep the heard part of a response that the client stopped after its end by the clock."""
        heard_ms, text = self._heard(played_ms, now_ms)
        is_near_end = heard_ms >= self.playout.sent_ms - NEAR_END_MS
        if self.config.settings.use_browser_tts:
            is_near_end = text == self.text.rstrip()
        if not is_near_end:
            self._kept_text, self.was_cut = text, True

    def _heard(self, played_ms: int | None, now_ms: int) -> tuple[int, str]:
        """Return the duration and the text that were heard.

        A client that speaks by itself and reports nothing counts as having spoken it all.
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

    def fail(self, error: CedarVoiceError, now_ms: int) -> list[msg.Message]:
        """Fail the response: its engines made no progress."""
        return [
            *self._rest_of_text(),
            msg.Error(error),
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
    ) -> list[msg.Message]:
        if self._text.is_complete:
            return []
        self._text.complete(usage)
        self.timings.mark_written(now_ms)
        completed = msg.ResponseCompleted(self.response_id, self.text, reason, usage, error)
        return [*self._rest_of_text(), completed]

    def _abandon_speech(self) -> list[msg.Message]:
        self._is_synthesized = True  # also while reports of it are still on their way
        self.playout.clear()
        return [] if self._is_closed else [self._close()]

    def _close(self) -> msg.OutputAudio:
        self._is_closed = True
        return msg.OutputAudio(self.response_id, b"", self.playout.sent_ms, 0, is_last=True)

    def complete_record(
        self, record: msg.TurnMetrics, timings: InputTimings, now_ms: int
    ) -> msg.TurnMetrics:
        """Add the response, which is over now, to the metrics of its turn."""
        marks, ended = self.timings, timings.ended_at_ms
        asked = None if self.options.is_verbatim else marks.requested_at_ms
        return replace(
            record,
            response_latency_ms=between(ended, marks.first_sent_at_ms),
            turn_total_ms=between(ended, now_ms),
            llm_first_token_ms=between(asked, marks.first_token_at_ms),
            llm_total_ms=between(asked, marks.written_at_ms),
            tts_first_audio_ms=between(marks.synthesis_started_at_ms, marks.first_speech_at_ms),
            first_phrase_ms=between(ended, marks.synthesis_started_at_ms),
            first_heard_ms=between(ended, marks.first_heard_at_ms),
            output_audio_ms=self.playout.sent_ms,
            interrupted=self.was_cut,
            usage=self.usage,
        )
