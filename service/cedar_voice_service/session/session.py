"""One session as a pure object: what happens goes in with the time, an `Outcome` comes out.

`Session.receive` processes a message of the client, `Session.report` everything else: detected
speech, reports of engines, passed time. Both return the commands that the shell has to carry out
and the time by which it has to report again. Messages for the client are in the outbox already.

Two rules make interruption right by construction. A report carries the number of its work, and is
ignored once that work is over. A message carries the turn of the event that caused it.
"""

from enum import Enum
from typing import NamedTuple

from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.config import Limits, SessionConfig
from cedar_voice_service.session.events import ClientMessage
from cedar_voice_service.session.history import History
from cedar_voice_service.session.resume.position import NO_PAST, Past
from cedar_voice_service.session.resume.sequences import Sequences
from cedar_voice_service.session.turns import states
from cedar_voice_service.session.turns.agent_side import AgentSide
from cedar_voice_service.session.turns.barge_in import BargeIn
from cedar_voice_service.session.turns.client_requests import ClientRequests
from cedar_voice_service.session.turns.context import SessionContext
from cedar_voice_service.session.turns.input_control import InputControl
from cedar_voice_service.session.turns.no_input_timer import NoInputTimer
from cedar_voice_service.session.turns.speech_input import SpeechInput
from cedar_voice_service.session.turns.states import TurnStates
from cedar_voice_service.session.turns.transcripts import TranscriptHandler
from cedar_voice_service.session.turns.turn import SpokenTurn
from cedar_voice_service.session.turns.user_side import UserSide


class Phase(Enum):
    """The present activity of a session."""

    IDLE = "idle"
    LISTENING = "listening"
    TRANSCRIBING = "transcribing"
    RESPONDING = "responding"


class Outcome(NamedTuple):
    """Everything that the shell does after an event."""

    commands: tuple[do.Command, ...] = ()
    """To be carried out in order."""
    phase: Phase = Phase.IDLE
    deadline_ms: int | None = None
    """Clock time at which to report `TimePassed`; None for never."""
    backlog_ms: int = 0
    """Answer audio that waits to be sent: synthesis that is ahead of playback should wait."""
    keep_audio_from_ms: int = 0
    """Start of the input audio that may be given to a recognizer later."""


class Session:
    """The state of one conversation and of its sequences.

    Args:
        config: configuration as opened.
        limits: of which the history and the replay buffer are the session's own.
        stage_timeout_ms: longest wait for the next sign of life of an engine.
        past: the session that this one continues.
    """

    def __init__(
        self,
        config: SessionConfig,
        limits: Limits,
        *,
        stage_timeout_ms: int,
        past: Past = NO_PAST,
    ) -> None:
        context = SessionContext(
            config, max_history_items=limits.max_history_items, stage_timeout_ms=stage_timeout_ms
        )
        context.history.add(*past.history)
        context.restore(past.last_turn_id, past.last_response_id)
        self.sequences = Sequences(past, limits.replay_buffer_bytes)
        self._context = context
        self._states = TurnStates()
        self._speech = SpeechInput()
        self._user = UserSide(context, self._states, self._speech)
        self._agent = AgentSide(context, self._states)
        sides = (context, self._states, self._speech, self._user, self._agent)
        self._barge_in = BargeIn(*sides)
        self._input = InputControl(*sides)
        self._requests = ClientRequests(*sides)
        self._transcripts = TranscriptHandler(context, self._states, self._user, self._agent)
        self._no_input = NoInputTimer(context)

    @property
    def config(self) -> SessionConfig:
        """Configuration in force."""
        return self._context.config

    @property
    def history(self) -> History:
        """The conversation so far."""
        return self._context.history

    @property
    def last_turn_id(self) -> int:
        """Number of the newest turn; 0 before the first."""
        return self._context.last_turn_id

    @property
    def heard_ms(self) -> int:
        """End of the input audio so far."""
        return self._speech.heard_ms

    @property
    def needs_audio_from_ms(self) -> int:
        """Start of the input audio whose transcription the client has not received yet."""
        return self._user.needs_audio_from_ms(self.keep_audio_from_ms)

    @property
    def keep_audio_from_ms(self) -> int:
        """Start of the input audio that may be given to a recognizer later."""
        return self._user.unassigned_from_ms

    @property
    def state(self) -> states.State:
        """The state of turn-taking."""
        return self._states.state

    @property
    def phase(self) -> Phase:
        """The present activity; while an answer is held, that answer."""
        state = self._states.state
        if isinstance(state, states.Idle):
            return Phase.IDLE
        if isinstance(state, states.Answering):
            return Phase.RESPONDING
        return Phase.LISTENING if isinstance(state, states.InputOpen) else Phase.TRANSCRIBING

    @property
    def deadline_ms(self) -> int | None:
        """Clock time at which to report `TimePassed`; None while nothing waits for time."""
        state = self._states.state
        if isinstance(state, states.Idle):
            return self._no_input.deadline_ms
        if not isinstance(state, states.Answering):
            return self._user.deadline_ms
        deadlines = (self._user.deadline_ms, self._agent.deadline_ms, self._barge_in.deadline_ms)
        return min((at_ms for at_ms in deadlines if at_ms is not None), default=None)

    # -- events --------------------------------------------------------------------------------

    def receive(self, message: ClientMessage, now_ms: int) -> Outcome:
        """Process a message of the client; one that was received before is ignored.

        The shell decodes audio that came before a message before it passes the message on.
        """
        if not self.sequences.accept(message.sequence, message.ack):
            return self._unchanged([])
        match message.event:
            case None:
                return self._unchanged([])
            case on.Pinged(sent_at_ms):
                return self._unchanged([do.SendPong(sent_at_ms)])
            case on.AudioReceived(data):
                return self._unchanged([do.DecodeAudio(data, message.sequence)])
            case on.SessionEnded():
                outcome = self._handle(on.InterruptRequested(), now_ms)
                return outcome._replace(commands=(*outcome.commands, do.EndSession()))
            case event:
                return self._handle(event, now_ms, message.sequence)

    def report(self, event: on.Event, now_ms: int) -> Outcome:
        """Process a report of detected speech, of an engine, or of passed time."""
        return self._handle(event, now_ms)

    def audio_processed(self, first_sequence: int, last_sequence: int) -> None:
        """Record that the audio of these client messages was decoded and reported."""
        self.sequences.audio_processed(first_sequence, last_sequence, self.heard_ms)

    def _handle(self, event: on.Event, now_ms: int, sequence: int = 0) -> Outcome:
        self._context.set_clock(now_ms)
        self._process(event)
        self._settle()
        commands, keep_audio_from_ms = self._context.take_commands(), self.keep_audio_from_ms
        needs_audio_from_ms = self._user.needs_audio_from_ms(keep_audio_from_ms)
        self.sequences.put(commands, needs_audio_from_ms, sequence)
        return self._outcome(commands, keep_audio_from_ms)

    def _unchanged(self, commands: list[do.Command]) -> Outcome:
        return self._outcome(commands, self.keep_audio_from_ms)

    def _outcome(self, commands: list[do.Command], keep_audio_from_ms: int) -> Outcome:
        backlog_ms = self._agent.backlog_ms
        return Outcome(
            tuple(commands), self.phase, self.deadline_ms, backlog_ms, keep_audio_from_ms
        )

    def _process(self, event: on.Event) -> None:
        match event:
            case on.AudioAdvanced():
                self._user.process_speech(event)
                self._use_audio()
                self._user.check_endpoint()
            case on.SpeechStarted() | on.SpeechStopped():
                self._user.process_speech(event)
            case on.TimePassed(is_client_away):
                self._user.on_deadline(is_client_away=is_client_away)
                self._barge_in.on_deadline()
                self._agent.on_deadline()
                self._no_input.on_deadline(self._speech.heard_ms)
            case (
                on.ListeningStarted()
                | on.ListeningStopped()
                | on.StreamOpened()
                | on.InputEnded()
                | on.InputRejected()
                | on.AudioLost()
            ):
                self._input.process(event)
            case (
                on.Configured()
                | on.TextEntered()
                | on.InterruptRequested()
                | on.ResponseRequested()
                | on.SpeechRequested()
                | on.PlaybackReported()
            ):
                self._requests.process(event)
            case _:
                self._process_work(event)

    def _process_work(self, event: on.WorkEvent) -> None:
        state = self._states.state
        if isinstance(state, states.UserTurn) and event.work_id == state.turn.work_id:
            self._process_recognizer(state.turn, event)
        else:
            self._agent.process(event)

    def _process_recognizer(self, turn: SpokenTurn, event: on.WorkEvent) -> None:
        if isinstance(event, on.AudioSent):  # no sign of life
            turn.counts.add_stt_audio(event.duration_ms)
            return
        turn.record_progress(self._context.now_ms)
        match event:
            case on.PartialTranscribed():
                if self._barge_in.admits(event):
                    self._transcripts.process_partial(turn, event)
            case on.FinalTranscribed():
                if self._user.is_listening:  # the recognizer ended the utterance by itself
                    self._user.close_input(turn)
                if self._barge_in.admits(event):
                    self._transcripts.process_final(turn, event)
            case on.TranscriptionFailed(error=error) | on.WorkFailed(error=error):
                self._barge_in.process_failure(error)
            case _:
                pass  # no report of a recognizer

    def _use_audio(self) -> None:
        """Open a turn for audio that belongs to none, or decide over speech during an answer."""
        state = self._states.state
        if isinstance(state, states.Overlapping):
            self._barge_in.check_length(state)
        elif isinstance(state, states.UserTurn):
            pass  # the turn receives it
        elif self._context.is_manual:
            if self._user.is_full:
                self._agent.interrupt(msg.InterruptionReason.NEW_INPUT)
            if isinstance(self._states.state, states.Idle):
                self._user.open()
        elif self._speech.has_unassigned:
            if isinstance(state, states.Responding):
                self._barge_in.process_speech(state)
            else:
                self._user.open()

    def _settle(self) -> None:
        """Do what follows from the new state, whichever event led to it."""
        is_due = self._speech.period.is_over or not self._context.is_manual
        if self._speech.has_unassigned and is_due:
            # Speech of no turn: it came while the turn before was being transcribed.
            self._use_audio()
            self._user.check_endpoint()
        if self._input.has_ended:
            self._agent.end_unheard()
        if not isinstance(self._states.state, states.Idle):
            self._barge_in.settle()
        self._requests.meet_pending()
        is_idle = isinstance(self._states.state, states.Idle)
        self._no_input.update(is_waiting=is_idle and not self._context.is_manual)
        if self._input.has_ended and is_idle:
            self._context.emit(do.CloseStream())
