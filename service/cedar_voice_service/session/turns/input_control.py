"""The client's control of its audio: listening periods, the end of input, and lost audio."""

from typing import assert_never

from cedar_voice_service.errors import CallerError, CedarVoiceError, Code, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.turns import states
from cedar_voice_service.session.turns.agent_side import AgentSide
from cedar_voice_service.session.turns.context import SessionContext
from cedar_voice_service.session.turns.speech_input import SpeechInput
from cedar_voice_service.session.turns.states import TurnStates
from cedar_voice_service.session.turns.user_side import UserSide


class InputControl:
    """Starts and ends the recording that turns are made of."""

    def __init__(
        self,
        context: SessionContext,
        turn_states: TurnStates,
        speech: SpeechInput,
        user: UserSide,
        agent: AgentSide,
    ) -> None:
        self._context = context
        self._states = turn_states
        self._speech = speech
        self._user = user
        self._agent = agent
        self.has_ended = False
        """Whether no more input comes on this stream."""

    def process(self, event: on.InputEvent) -> None:
        """Process a control message of the client, or a report of its audio."""
        match event:
            case on.ListeningStarted():
                self._start_listening(event)
            case on.ListeningStopped(discard):
                self._stop_listening(discard=discard)
            case on.StreamOpened():
                self.has_ended = False
                self._user.expect_audio()
            case on.InputEnded():
                self._end_input()
            case on.InputRejected(error, client_sequence):
                if error.stage is Stage.AUDIO_INPUT:
                    self._speech.period.record_audio()  # it arrived, though it cannot be decoded
                self._context.reject(error, client_sequence)
            case on.AudioLost(error, client_sequence):
                self._lose(error, client_sequence)
            case _:
                assert_never(event)

    def drop_turns(self) -> None:
        """End the turns in progress, if any: the client starts something else."""
        self._user.drop()
        self._agent.interrupt(msg.InterruptionReason.NEW_INPUT)

    def _start_listening(self, event: on.ListeningStarted) -> None:
        self.drop_turns()
        self._speech.discard()
        self._speech.start_period(until_stopped=event.until_stopped)
        audio_format = event.format or self._context.config.input_audio
        self._context.emit(do.BeginRecording(audio_format))

    def _stop_listening(self, *, discard: bool) -> None:
        state = self._states.state
        self._context.emit(do.EndRecording())
        if discard:
            self._speech.assign()
        if self._user.has_missed_speech:
            self._speech.period.mark_over()
        elif isinstance(state, states.InputOpen):
            self._speech.start_period()
            self._user.drop() if discard else self._user.finish(state.turn)
        elif not self._speech.period.has_audio:
            without = CallerError("stop_listening without audio", code=Code.PROTOCOL_VIOLATION)
            self._context.reject(without)
        elif self._may_still_listen and not discard and self._user.has_unused_audio:
            self.drop_turns()  # the audio of the period replaces an answer that still plays
            self._speech.period.mark_over()
            self._user.open()
        else:
            self._speech.start_period()

    def _end_input(self) -> None:
        state = self._states.state
        self.has_ended = True
        if isinstance(state, states.InputOpen):
            self._user.finish(state.turn)
        self._speech.period.mark_over(is_over=self._user.has_missed_speech)

    @property
    def _may_still_listen(self) -> bool:
        state = self._states.state
        is_answering = isinstance(state, states.Responding) and self._context.is_manual
        return is_answering or isinstance(state, states.Idle)

    def _lose(self, error: CedarVoiceError, client_sequence: int) -> None:
        """Fail the turn that lost audio; a listening period, which holds one turn, ends with it."""
        state = self._states.state
        self._speech.period.record_audio()
        if isinstance(state, states.InputOpen):
            self._user.fail(state.turn, error)
        else:
            self._context.reject(error, client_sequence)
        if self._context.is_manual:
            self._speech.discard()
            self._context.emit(do.EndRecording())
