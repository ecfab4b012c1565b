"""The rules of a conversation: what happens to a session, and what it does about it.

`Machine.handle` takes one event and returns commands, synchronously. It has no clock: the time
comes with each event, and `deadline_ms` says when `TimePassed` is wanted.

    idle -> listening -> transcribing -> responding -> idle

One side listens, the other answers, each to one turn at most. Both have one only while the user
speaks over an answer and it is open whether that interrupts it: see `interrupting`.

Two rules make interruption right by construction. A report carries the number of its work, and one
of work that is over is dropped. A message carries the turn of the event that caused it.
"""

from enum import Enum
from typing import assert_never

from cedar_voice_service.errors import CallerError, Code
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as say
from cedar_voice_service.session.config import SessionConfig, TurnMode
from cedar_voice_service.session.history import History
from cedar_voice_service.session.resume.position import Past
from cedar_voice_service.session.turns.agent_side import Answering
from cedar_voice_service.session.turns.barge_in import Interrupting
from cedar_voice_service.session.turns.context import Conversation
from cedar_voice_service.session.turns.input_control import Periods
from cedar_voice_service.session.turns.no_input import Silence
from cedar_voice_service.session.turns.pending_requests import Wishes
from cedar_voice_service.session.turns.transcripts import Understanding
from cedar_voice_service.session.turns.turn import Turn
from cedar_voice_service.session.turns.user_side import Listening


class Phase(Enum):
    """What the session is busy with."""

    IDLE = "idle"
    LISTENING = "listening"
    TRANSCRIBING = "transcribing"
    RESPONDING = "responding"


class Machine:
    """The state of one conversation. Arguments as for `Conversation`."""

    def __init__(
        self, config: SessionConfig, *, max_history_items: int, stage_timeout_ms: int
    ) -> None:
        self._conversation = Conversation(
            config, max_history_items=max_history_items, stage_timeout_ms=stage_timeout_ms
        )
        self._listening = Listening(self._conversation)
        self._answering = Answering(self._conversation)
        self._interrupting = Interrupting(self._conversation, self._listening, self._answering)
        self._understanding = Understanding(
            self._conversation, self._listening, self._answering, self._interrupting
        )
        self._periods = Periods(self._conversation, self._listening, self._answering)
        self._silence = Silence(self._conversation)

    def handle(self, event: on.Event, now_ms: int) -> list[do.Command]:
        """Take one event at clock time `now_ms`; the commands are to be done in order."""
        self._conversation.now_ms = now_ms
        match event:
            case on.AudioHeard() | on.SpeechBegan() | on.SpeechPaused():
                self._listening.hear(event)
                if isinstance(event, on.AudioHeard):
                    self._consider_listening()
                    self._listening.consider_endpoint()
            case on.TimePassed(is_client_away):
                self._listening.look_at_clock(is_client_away=is_client_away)
                self._interrupting.look_at_clock()
                self._answering.look_at_clock()
                self._silence.look_at_clock(self.heard_ms)
            case (
                on.ListeningStarted()
                | on.ListeningStopped()
                | on.StreamOpened()
                | on.InputEnded()
                | on.InputRefused()
                | on.InputLost()
            ):
                self._periods.take(event)
            case (
                on.Configured()
                | on.TextEntered()
                | on.InterruptRequested()
                | on.ResponseRequested()
                | on.SpeechRequested()
                | on.PlaybackReported()
            ):
                self._obey(event)
            case _:
                if not self._understanding.takes(event):
                    self._answering.take(event)
        self._go_on()
        return self._conversation.take_commands()

    @property
    def config(self) -> SessionConfig:
        """What is in force."""
        return self._conversation.config

    @property
    def history(self) -> History:
        """The conversation so far."""
        return self._conversation.history

    @property
    def needs_audio_from_ms(self) -> int:
        """Time of the input audio from which on nobody was told yet what became of it."""
        return self._listening.needs_audio_from_ms

    @property
    def untaken_from_ms(self) -> int:
        """Time of the input audio from which on it may be given to a recognizer to come."""
        return self._listening.untaken_from_ms

    @property
    def heard_ms(self) -> int:
        """How far input audio was heard."""
        return self._listening.hearing.heard_ms

    @property
    def last_turn_id(self) -> int:
        """The newest turn; 0 before the first."""
        return self._conversation.last_turn_id

    def go_on_from(self, past: Past) -> None:
        """Continue a conversation, before anything happens."""
        self.history.add(*past.history)
        self._conversation.last_turn_id = past.last_turn_id
        self._conversation.last_response_id = past.last_response_id

    @property
    def phase(self) -> Phase:
        """What the session is busy with; while an answer is held, with that answer."""
        if self._answering.turn is not None:
            return Phase.RESPONDING
        if self._listening.turn is None:
            return Phase.IDLE
        return Phase.LISTENING if self._listening.is_hearing else Phase.TRANSCRIBING

    @property
    def deadline_ms(self) -> int | None:
        """Clock time at which `TimePassed` is wanted; None when nothing waits for time."""
        deadlines = (
            self._listening.deadline_ms,
            self._answering.deadline_ms,
            self._interrupting.deadline_ms,
            self._silence.deadline_ms,
        )
        return min((at_ms for at_ms in deadlines if at_ms is not None), default=None)

    @property
    def backlog_ms(self) -> int:
        """Answer audio that waits to be sent; synthesis that runs ahead of it should wait."""
        listener = self._listening.turn
        drafted = listener.draft.response if listener and listener.draft else None
        responses = (self._answering.response, drafted)
        return sum(response.playout.backlog_ms for response in responses if response)

    @property
    def _wishes(self) -> Wishes:
        return self._conversation.wishes

    @property
    def _is_manual(self) -> bool:
        return self.config.turn_detection.mode is TurnMode.MANUAL

    # -- what follows, whatever happened -------------------------------------------------------

    def _go_on(self) -> None:
        hearing = self._listening.hearing
        if hearing.has_unclaimed and (hearing.recording.is_over or not self._is_manual):
            # Speech that no turn has taken: it came while the one before was being transcribed.
            self._consider_listening()
            self._listening.consider_endpoint()
        if self._periods.have_ended:
            self._answering.end_unheard()
        self._interrupting.settle()
        if self.phase is Phase.IDLE and self._wishes.answer is not None:
            self._answering.reply(self._open_turn(), "")
        self._consider_apology()
        if self.phase is Phase.IDLE and self._wishes.speeches:
            self._answering.recite(self._open_turn(), self._wishes.speeches.popleft())
        self._silence.note(is_waiting=self.phase is Phase.IDLE and not self._is_manual)
        if self._periods.have_ended and self.phase is Phase.IDLE:
            self._conversation.order(do.CloseStream())

    def _consider_apology(self) -> None:
        stage = self._conversation.failed_stage
        if stage is None or self._answering.turn is not None:
            return
        self._conversation.failed_stage = None
        if self.config.generation.apology and self.phase is Phase.IDLE:
            self._answering.apologize(self._open_turn(), stage)

    # -- what the caller wants -----------------------------------------------------------------

    def _obey(self, event: on.WishEvent) -> None:
        match event:
            case on.Configured(patch):
                self._conversation.config = self.config.patched(patch)
                self._conversation.order(do.ApplyConfig(self.config))
            case on.TextEntered(text):
                self._periods.drop_turns()
                self._listening.hearing.let_go()
                self._listening.begin_recording()
                self._answering.reply(self._open_turn(), text)
            case on.InterruptRequested():
                self._stop(event)
            case on.ResponseRequested(instructions):
                self._answering.interrupt(say.InterruptionReason.NEW_INPUT)
                self._wishes.answer = instructions
            case on.SpeechRequested():
                self._answering.interrupt(say.InterruptionReason.NEW_INPUT)
                if self._wishes.has_room:
                    self._wishes.speeches.append(event)
                else:
                    self._conversation.refuse(
                        CallerError("too much waits to be said", code=Code.OVERLOADED)
                    )
            case on.PlaybackReported(response_id, played_ms):
                self._answering.note_playback(response_id, played_ms)
            case _:
                assert_never(event)

    def _stop(self, event: on.InterruptRequested) -> None:
        response, turn = self._answering.response, self._listening.turn
        if response is not None:
            if event.response_id in (0, response.response_id):
                reason = say.InterruptionReason.CLIENT_REQUEST
                self._answering.interrupt(reason, event.played_ms)
            return
        # A client that lags has still to be sent the end of an answer that is over here.
        lagging_id = event.response_id or self._conversation.last_response_id
        self._conversation.order(do.PurgeSpeech(lagging_id))
        self._answering.interrupt_late(event.response_id, event.played_ms)
        if turn is not None and turn.end_ms is not None and event.response_id == 0:
            turn.is_unwanted = True  # the answer that the user waits for
            self._wishes.answer = None
            self._answering.drop_draft(turn)

    def _open_turn(self) -> Turn:
        """A turn without speech; its input is over."""
        self._conversation.last_turn_id += 1
        turn = Turn(self._conversation.last_turn_id, None, self._conversation.now_ms)
        self._listening.end_input(turn)
        return turn

    def _consider_listening(self) -> None:
        listening, answering = self._listening, self._answering
        if listening.turn is not None:
            self._interrupting.look_at_length()
        elif self._is_manual:
            if listening.is_full:
                answering.interrupt(say.InterruptionReason.NEW_INPUT)
            if answering.turn is None:
                listening.begin()
        elif listening.hearing.has_unclaimed:
            if answering.turn is None:
                listening.begin()
            else:
                self._interrupting.take_speech(answering.turn)
