"""The listening periods of a client: it begins, ends and loses what is recorded."""

from typing import assert_never

from cedar_voice_service.audio.formats import AudioFormat
from cedar_voice_service.errors import CallerError, CedarVoiceError, Code, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as say
from cedar_voice_service.session.config import TurnMode
from cedar_voice_service.session.turns.agent_side import Answering
from cedar_voice_service.session.turns.context import Conversation
from cedar_voice_service.session.turns.user_side import Listening


class Periods:
    """What becomes of turns and answers when the client says where its audio begins and ends."""

    def __init__(
        self, conversation: Conversation, listening: Listening, answering: Answering
    ) -> None:
        self._conversation = conversation
        self._listening = listening
        self._answering = answering
        self.have_ended = False
        """Whether no more input comes on this stream."""

    def take(self, event: on.InputEvent) -> None:
        """Take what the client says of its audio, or what became of it."""
        match event:
            case on.ListeningStarted(audio_format):
                self._begin(audio_format)
            case on.ListeningStopped(discard):
                self._end(discard=discard)
            case on.StreamOpened():
                self.have_ended = False
                self._listening.expect_audio()
            case on.InputEnded():
                self.have_ended = True
                if self._listening.is_hearing:
                    self._listening.finish()
                self._listening.hearing.recording.is_over = self._listening.has_missed_speech
            case on.InputRefused(error, client_sequence):
                if error.stage is Stage.AUDIO_INPUT:
                    # It came, though nobody can hear it.
                    self._listening.hearing.recording.has_audio = True
                self._conversation.refuse(error, client_sequence)
            case on.InputLost(error, client_sequence):
                self._lose(error, client_sequence)
            case _:
                assert_never(event)

    def drop_turns(self) -> None:
        """End the turns in progress, if any: the caller wants something else."""
        self._listening.drop()
        self._answering.interrupt(say.InterruptionReason.NEW_INPUT)

    def _begin(self, audio_format: AudioFormat | None) -> None:
        self.drop_turns()
        self._listening.hearing.break_off()
        self._listening.begin_recording()
        audio_format = audio_format or self._conversation.config.input_audio
        self._conversation.order(do.BeginRecording(audio_format))

    def _end(self, *, discard: bool) -> None:
        listening, recording = self._listening, self._listening.hearing.recording
        self._conversation.order(do.EndRecording())
        if discard:
            listening.hearing.claim()
        if listening.has_missed_speech:
            recording.is_over = True
        elif listening.is_hearing:
            listening.begin_recording()
            listening.drop() if discard else listening.finish()
        elif not recording.has_audio:
            without = CallerError("stop_listening without audio", code=Code.PROTOCOL_VIOLATION)
            self._conversation.refuse(without)
        elif self._may_still_listen and not discard and listening.has_untaken:
            self.drop_turns()  # an answer that plays on: who talks and stops wants to be heard
            recording.is_over = True
            listening.begin()
        else:
            listening.begin_recording()

    @property
    def _may_still_listen(self) -> bool:
        is_free = self._answering.turn is None or self._is_manual
        return is_free and self._listening.turn is None

    def _lose(self, error: CedarVoiceError, client_sequence: int) -> None:
        """The turn that is heard has a gap; so has a listening period, which has no other turn."""
        self._listening.hearing.recording.has_audio = True
        if self._listening.is_hearing:
            self._listening.fail(error)
        else:
            self._conversation.refuse(error, client_sequence)
        if self._is_manual:
            self._listening.hearing.break_off()
            self._conversation.order(do.EndRecording())

    @property
    def _is_manual(self) -> bool:
        return self._conversation.config.turn_detection.mode is TurnMode.MANUAL
