"""The rules of a conversation: what happens to a session, and what it does about it.

`Machine.handle` takes one event and returns commands, synchronously. It has no clock: the time
comes with each event, and `deadline_ms` says when `TimePassed` is wanted.

    idle -> listening -> transcribing -> responding -> idle

Two rules make interruption right by construction. A report of work carries the number of its turn,
and one of a turn that is over is dropped. A message carries the turn of the event that caused it.
"""

from enum import Enum
from typing import assert_never

from cedar_voice_service.audio.formats import AudioFormat
from cedar_voice_service.errors import CallerError, CedarVoiceError, Code, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as say
from cedar_voice_service.session.config import SessionConfig, TurnMode
from cedar_voice_service.session.hearing import Hearing, Recording
from cedar_voice_service.session.history import History, UserMessage
from cedar_voice_service.session.response import Response
from cedar_voice_service.session.turn import Turn

INPUT_IDLE_MS = 1_000
"""Audio that stops coming for this long ends a turn that the server delimits."""


class Phase(Enum):
    """What the session is busy with."""

    IDLE = "idle"
    LISTENING = "listening"
    TRANSCRIBING = "transcribing"
    RESPONDING = "responding"


class Machine:
    """The state of one conversation.

    Args:
        config: as opened.
        max_history_items: conversation kept for the model.
        stage_timeout_ms: longest wait for the next sign of life of an engine.
    """

    def __init__(
        self, config: SessionConfig, *, max_history_items: int, stage_timeout_ms: int
    ) -> None:
        self.config = config
        self.phase = Phase.IDLE
        self.history = History(max_history_items)
        self._stage_timeout_ms = stage_timeout_ms
        self._hearing = Hearing()
        self._recording = Recording()
        self._turn: Turn | None = None
        self._last_turn_id = 0
        self._last_response_id = 0
        self._input_has_ended = False
        self._now_ms = 0
        self._commands: list[do.Command] = []

    def handle(self, event: on.Event, now_ms: int) -> list[do.Command]:
        """Take one event at clock time `now_ms`; the commands are to be done in order."""
        self._now_ms = now_ms
        match event:
            case on.AudioHeard() | on.SpeechBegan() | on.SpeechPaused():
                self._hear(event)
            case on.TimePassed():
                self._look_at_clock()
            case (
                on.Configured()
                | on.ListeningStarted()
                | on.ListeningStopped()
                | on.TextEntered()
                | on.InterruptRequested()
                | on.ResponseRequested()
                | on.SpeechRequested()
                | on.PlaybackReported()
                | on.StreamOpened()
                | on.InputEnded()
                | on.InputRefused()
            ):
                self._obey(event)
            case _:
                self._take_report(event)
        if self._hearing.unclaimed_since_ms is not None and not self._is_manual:
            # Speech that no turn has taken: it came while the one before was being transcribed.
            self._consider_listening()
            self._consider_endpoint()
        if self._input_has_ended and self.phase is Phase.IDLE:
            self._commands.append(do.CloseStream())
        commands, self._commands = self._commands, []
        return commands

    @property
    def deadline_ms(self) -> int | None:
        """Clock time at which `TimePassed` is wanted; None when nothing waits for time."""
        turn = self._turn
        if turn is None:
            return None
        if self.phase is Phase.LISTENING:
            return None if self._is_manual else turn.last_progress_at_ms + INPUT_IDLE_MS
        if turn.response is not None and turn.response.is_sent:
            return turn.response.playout.ends_at_ms
        give_up_at_ms = turn.last_progress_at_ms + self._stage_timeout_ms
        next_at_ms = turn.response.playout.next_at_ms if turn.response else None
        return give_up_at_ms if next_at_ms is None else min(give_up_at_ms, next_at_ms)

    @property
    def _is_manual(self) -> bool:
        return self.config.turn_detection.mode is TurnMode.MANUAL

    @property
    def backlog_ms(self) -> int:
        """Answer audio that waits to be sent; synthesis that runs ahead of it should wait."""
        response = self._turn.response if self._turn else None
        return response.playout.backlog_ms if response else 0

    # -- what the caller does ------------------------------------------------------------------

    def _obey(self, event: on.CallerEvent) -> None:
        match event:
            case on.Configured(patch):
                self.config = self.config.patched(patch)
                self._commands.append(do.ApplyConfig(self.config))
            case on.ListeningStarted(audio_format):
                self._start_listening(audio_format)
            case on.ListeningStopped(discard):
                self._stop_listening(discard=discard)
            case on.TextEntered(text):
                self._drop_turn()
                self._end_input(self._open_turn(from_ms=None))
                self._respond(text)
            case on.InterruptRequested(response_id, played_ms):
                response = self._turn.response if self._turn else None
                if response and response_id in (0, response.response_id):
                    self._interrupt(say.InterruptionReason.CLIENT_REQUEST, played_ms)
            case on.ResponseRequested() | on.SpeechRequested() | on.PlaybackReported():
                pass
            case on.StreamOpened():
                self._input_has_ended = False
            case on.InputEnded():
                self._input_has_ended = True
                if self.phase is Phase.LISTENING:
                    self._finish_listening()
            case on.InputRefused(error, client_sequence):
                if error.stage is Stage.AUDIO_INPUT:
                    self._recording.has_audio = True  # it came, though nobody can hear it
                self._refuse(error, client_sequence)
            case _:
                assert_never(event)

    def _start_listening(self, audio_format: AudioFormat | None) -> None:
        self._drop_turn()
        self._hearing.claim()
        self._recording = Recording(self._hearing.heard_ms)
        self._commands.append(do.BeginRecording(audio_format or self.config.input_audio))

    def _stop_listening(self, *, discard: bool) -> None:
        recording, self._recording = self._recording, Recording(self._hearing.heard_ms)
        self._commands.append(do.EndRecording())
        if self.phase is Phase.LISTENING:
            self._drop_turn() if discard else self._finish_listening()
        elif not recording.has_audio:
            self._refuse(CallerError("stop_listening without audio", code=Code.PROTOCOL_VIOLATION))
        elif not recording.has_turn and not discard and self._may_still_listen:
            self._drop_turn()  # an answer that plays on: who talks and stops wants to be heard
            self._listen(recording.from_ms)
            self._finish_listening()

    @property
    def _may_still_listen(self) -> bool:
        is_answering = self.phase is Phase.RESPONDING and self._is_manual
        return self.phase is Phase.IDLE or is_answering

    # -- what the ear hears --------------------------------------------------------------------

    def _hear(self, event: on.EarEvent) -> None:
        match event:
            case on.AudioHeard(end_ms):
                self._hearing.heard_ms = end_ms
                self._recording.has_audio = True
                self._consider_listening()
                self._consider_endpoint()
            case on.SpeechBegan(at_ms):
                self._hearing.began(at_ms)
                if self.phase is Phase.LISTENING:
                    self._claim_speech()
                self._consider_listening()
            case on.SpeechPaused(at_ms):
                self._hearing.paused(at_ms)
                if self.phase is Phase.LISTENING:
                    self._say(say.SpeechActivity(say.SpeechKind.STOPPED, at_ms))
            case _:
                assert_never(event)

    def _consider_listening(self) -> None:
        if self.phase is Phase.LISTENING or self.phase is Phase.TRANSCRIBING:
            return
        detection = self.config.turn_detection
        if self._is_manual:
            if self.phase is Phase.IDLE:
                self._listen(self._recording.from_ms)
            return
        since_ms = self._hearing.unclaimed_since_ms
        if since_ms is None:
            return
        if self.phase is Phase.RESPONDING:
            if not self._hearing.interrupts(detection):
                if not self._hearing.is_speaking:
                    self._hearing.claim()  # too short to interrupt: a cough
                return
            self._interrupt(say.InterruptionReason.USER_SPEECH)
        self._listen(max(0, since_ms - detection.prefix_padding_ms))

    def _consider_endpoint(self) -> None:
        turn = self._turn
        if turn is None or self.phase is not Phase.LISTENING or turn.from_ms is None:
            return
        turn.last_progress_at_ms = self._now_ms
        detection = self.config.turn_detection
        is_too_long = self._hearing.heard_ms - turn.from_ms >= detection.max_utterance_ms
        if is_too_long or (
            not self._is_manual and self._hearing.is_silent_for(detection.silence_duration_ms)
        ):
            self._finish_listening()

    # -- what the work reports -----------------------------------------------------------------

    def _take_report(self, event: on.WorkEvent) -> None:
        turn = self._turn
        if turn is None or event.work_id != turn.turn_id:
            return  # of a turn that is over
        turn.last_progress_at_ms = self._now_ms
        if isinstance(event, on.WorkFailed):
            self._give_up(turn, event.error)
        elif turn.response is None:
            self._take_transcript(turn, event)
        else:
            self._say(*turn.response.take(event, self._now_ms))
            self._consider_end()

    def _take_transcript(self, turn: Turn, event: on.WorkEvent) -> None:
        match event:
            case on.PartialTranscribed(text=text, confidence=confidence, stable_text=stable):
                if self.config.settings.stream:
                    self._say_transcription(text, confidence, is_final=False, stable_text=stable)
            case on.FinalTranscribed(text=text, confidence=confidence):
                if self.phase is Phase.LISTENING:  # the recognizer ended the utterance by itself
                    self._end_input(turn)
                turn.timings.mark("transcribed_at_ms", self._now_ms)
                self._say_transcription(text, confidence, is_final=True)
                self._respond(text) if text else self._close_turn()
            case on.TranscriptionFailed(error=error):
                self._give_up(turn, error)
            case _:
                pass  # of an answer that has not begun

    def _look_at_clock(self) -> None:
        turn, now_ms = self._turn, self._now_ms
        if turn is None:
            return
        if self.phase is Phase.LISTENING:
            if not self._is_manual and now_ms >= turn.last_progress_at_ms + INPUT_IDLE_MS:
                self._finish_listening()
            return
        if turn.response is not None and (due := turn.response.due(now_ms)):
            turn.last_progress_at_ms = now_ms
            self._say(*due)
        is_sent = turn.response is not None and turn.response.is_sent
        if not is_sent and now_ms >= turn.last_progress_at_ms + self._stage_timeout_ms:
            self._give_up(turn, turn.timeout)
        self._consider_end()

    def _give_up(self, turn: Turn, error: CedarVoiceError) -> None:
        self._commands.append(do.CancelWork(turn.turn_id))
        if turn.response is None:
            self._say(say.Failed(error))
            self._close_turn()
        else:
            self._say(*turn.response.fail(error, self._now_ms))
            self._consider_end()

    # -- turns ---------------------------------------------------------------------------------

    def _open_turn(self, from_ms: int | None) -> Turn:
        self._last_turn_id += 1
        turn = Turn(self._last_turn_id, from_ms, last_progress_at_ms=self._now_ms)
        self._turn = turn
        return turn

    def _listen(self, from_ms: int) -> None:
        turn = self._open_turn(from_ms)
        turn.has_speech = self._hearing.unclaimed_since_ms is not None
        self.phase = Phase.LISTENING
        self._recording.has_turn = True
        language = self.config.settings.language
        self._commands.append(do.StartTranscribing(turn.turn_id, from_ms, language))
        self._claim_speech()

    def _claim_speech(self) -> None:
        """Make the speech that is heard part of the turn that listens."""
        since_ms = self._hearing.unclaimed_since_ms
        if since_ms is not None and self._turn is not None:
            self._turn.has_speech = True
            self._hearing.claim()
            self._say(say.SpeechActivity(say.SpeechKind.STARTED, since_ms))

    def _finish_listening(self) -> None:
        turn = self._turn
        assert turn is not None
        self._end_input(turn)
        self._recording.from_ms = self._hearing.heard_ms
        self._say(say.SpeechActivity(say.SpeechKind.TURN_ENDED, self._hearing.heard_ms))
        if turn.has_speech:
            turn.timings.endpointing_ms = self._hearing.silence_ms
            self.phase = Phase.TRANSCRIBING
            self._commands.append(do.FinishTranscribing(turn.turn_id))
        else:
            # Recognizers make words up when they are given silence.
            self._commands.append(do.CancelWork(turn.turn_id))
            self._say_transcription("", None, is_final=True)
            self._close_turn()

    def _end_input(self, turn: Turn) -> None:
        turn.end_ms = self._hearing.heard_ms
        turn.last_progress_at_ms = self._now_ms
        turn.timings.input_ended_at_ms = self._now_ms

    def _respond(self, user_text: str) -> None:
        turn = self._turn
        assert turn is not None
        self._last_response_id += 1
        turn.response = Response(self._last_response_id, self.config, turn.timings)
        turn.timings.reply_requested_at_ms = self._now_ms
        self.phase = Phase.RESPONDING
        self.history.add(UserMessage(user_text))
        self._say(say.ResponseStarted(self._last_response_id, user_text))
        self._commands.append(do.StartReplying(turn.turn_id, self.config, self.history.items))

    def _interrupt(self, reason: say.InterruptionReason, played_ms: int | None = None) -> None:
        turn = self._turn
        assert turn is not None and turn.response is not None
        self._commands.append(do.CancelWork(turn.turn_id))
        self._commands.append(do.PurgeSpeech(turn.response.response_id))
        self._say(*turn.response.cut(reason, played_ms, self._now_ms))
        self._end_response(turn, turn.response)

    def _consider_end(self) -> None:
        turn = self._turn
        response = turn.response if turn else None
        if turn is None or response is None:
            return
        if response.is_over(self._now_ms) or (response.is_sent and self._input_has_ended):
            self._end_response(turn, response)

    def _end_response(self, turn: Turn, response: Response) -> None:
        self.history.add(*response.history_items)
        self._say(turn.metrics(self._now_ms))
        self._close_turn()

    def _drop_turn(self) -> None:
        """End the turn in progress, if any: the caller wants something else."""
        if self._turn is None:
            return
        if self._turn.response is not None:
            self._interrupt(say.InterruptionReason.NEW_INPUT)
            return
        self._commands.append(do.CancelWork(self._turn.turn_id))
        self._close_turn()

    def _close_turn(self) -> None:
        self._turn = None
        self.phase = Phase.IDLE

    # -- what the session says -----------------------------------------------------------------

    def _say(self, *messages: say.Message) -> None:
        turn_id = self._turn.turn_id if self._turn else 0
        self._commands += [do.Send(message, turn_id) for message in messages]

    def _refuse(self, error: CedarVoiceError, client_sequence: int = 0) -> None:
        self._commands.append(do.Send(say.Failed(error, client_sequence)))

    def _say_transcription(
        self, text: str, confidence: float | None, *, is_final: bool, stable_text: str = ""
    ) -> None:
        turn = self._turn
        assert turn is not None
        start_ms = turn.from_ms or 0
        end_ms = self._hearing.heard_ms if turn.end_ms is None else turn.end_ms
        stable_text = text if is_final else stable_text
        self._say(say.Transcription(text, is_final, confidence, start_ms, end_ms, stable_text))
