"""The user's side of turn-taking: a turn from its first audio to its final transcription."""

from cedar_voice_service.errors import CallerError, CedarVoiceError, Code, EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.turns import states
from cedar_voice_service.session.turns.context import SessionContext
from cedar_voice_service.session.turns.speech_input import SpeechInput
from cedar_voice_service.session.turns.states import Step, TurnStates
from cedar_voice_service.session.turns.turn import SpokenTurn

INPUT_IDLE_MS = 1_000
"""Wait for more audio after which a turn ends that the server delimits."""

CLIENT_AWAY_MS = 15_000
"""The same while no stream is attached: a client that reconnects sends the rest of the audio."""


class UserSide:
    """Opens, continues and ends the user's turn."""

    def __init__(
        self, context: SessionContext, turn_states: TurnStates, speech: SpeechInput
    ) -> None:
        self._context = context
        self._states = turn_states
        self._speech = speech
        self._idle_ms = INPUT_IDLE_MS

    @property
    def turn(self) -> SpokenTurn | None:
        """The user's turn in progress; None where there is none."""
        state = self._states.state
        return state.turn if isinstance(state, states.UserTurn) else None

    @property
    def is_listening(self) -> bool:
        """Whether a turn receives audio, its end being open."""
        return isinstance(self._states.state, states.InputOpen)

    @property
    def is_speaking(self) -> bool:
        """Whether the user speaks in a turn whose end is open."""
        return self.is_listening and self._speech.is_speaking

    @property
    def is_pausing(self) -> bool:
        """Whether the user pauses in a turn whose end is open."""
        return self.is_listening and not self._speech.is_speaking

    @property
    def deadline_ms(self) -> int | None:
        """Clock time at which the turn ends or fails; None where nothing is due."""
        state = self._states.state
        if isinstance(state, states.InputEnded):
            return state.turn.last_progress_at_ms + self._context.stage_timeout_ms
        if isinstance(state, states.InputOpen) and not self._context.is_manual:
            return state.turn.last_progress_at_ms + self._idle_ms
        return None

    @property
    def has_unused_audio(self) -> bool:
        """Whether no turn was made of the listening period, or of speech in it."""
        return self._speech.has_unassigned or not self._speech.period.has_turn

    @property
    def has_missed_speech(self) -> bool:
        """Whether the user has spoken since the end of the turn that is transcribed."""
        return isinstance(self._states.state, states.InputEnded) and self._speech.has_unassigned

    def has_rest(self, turn: SpokenTurn) -> bool:
        """Whether that speech is transcribed before the turn is answered.

        In push to talk it is if the turn was only too long, or if the client has ended it as well.
        """
        is_due = turn.is_too_long or self._speech.period.is_over or not self._context.is_manual
        return self.has_missed_speech and is_due

    @property
    def is_full(self) -> bool:
        """Whether the speech that belongs to no turn is as long as the longest turn."""
        length_ms = self._speech.heard_ms - self.unassigned_from_ms
        return self._speech.has_unassigned and length_ms >= self._context.detection.max_utterance_ms

    def needs_audio_from_ms(self, unassigned_from_ms: int) -> int:
        """Return the start of the audio whose transcription the client has not received yet."""
        turn = self.turn
        return unassigned_from_ms if turn is None else turn.start_ms

    @property
    def unassigned_from_ms(self) -> int:
        """Start of the input audio that may become part of a turn not opened yet."""
        return self._speech.unassigned_from_ms(self._context.detection)

    # -- opening -------------------------------------------------------------------------------

    def open(self) -> None:
        """Open a turn with the audio that belongs to no turn."""
        turn = self._new_turn(is_candidate=False)
        self._context.record_turn(turn.turn_id)
        self._states.advance(Step.LISTEN, states.Listening(turn))
        self._start(turn, turn.start_ms)

    def open_candidate(self, state: states.Responding, release_at_ms: int) -> None:
        """Open a turn over an answer; nothing is sent about it until it is admitted."""
        turn = self._new_turn(is_candidate=True)
        overlap = states.ListeningOverHeld(
            state.answered, state.response, state.request, turn, release_at_ms
        )
        self._states.advance(Step.OVERLAP, overlap)
        self._start(turn, turn.start_ms)

    def reopen(self, turn: SpokenTurn) -> None:
        """Continue a turn that seemed over: its text so far stays part of it."""
        self._speech.endpointing.learn(self._speech.pause_ms)
        from_ms = max(turn.end_ms or 0, self._speech.turn_start_ms(self._context.detection))
        turn.reopen(self._context.now_ms)
        match self._states.state:
            case states.TranscribingWithDraft(_, draft, drafted):
                self._states.advance(Step.REOPEN, states.ListeningWithDraft(turn, draft, drafted))
            case _:
                self._states.advance(Step.REOPEN, states.Listening(turn))
        self._start(turn, from_ms)

    def may_reopen(self, turn: SpokenTurn) -> bool:
        """Whether speech that follows can still belong to the turn."""
        state = self._states.state
        if self._context.is_manual:
            return False
        if isinstance(state, states.Answering) and state.response.has_acted:
            return False
        length_ms = self._speech.heard_ms - turn.start_ms
        return length_ms < self._context.detection.max_utterance_ms

    def admit(self, turn: SpokenTurn) -> None:
        """Make the candidate a turn like any other, and send what was withheld about it."""
        turn.admit()
        self._context.record_turn(turn.turn_id)
        start_ms = turn.speech_start_ms or 0
        self._send(turn, msg.SpeechActivity(msg.SpeechKind.STARTED, start_ms))
        if turn.end_ms is not None:
            self._send(turn, msg.SpeechActivity(msg.SpeechKind.TURN_ENDED, turn.end_ms))
        if turn.failure is not None:
            self.fail(turn, turn.failure)

    def _new_turn(self, *, is_candidate: bool) -> SpokenTurn:
        context = self._context
        if self._speech.has_lost_speech(context.detection):
            context.reject(CallerError("more speech than is kept", code=Code.OVERLOADED))
        self._speech.period.record_turn()
        return SpokenTurn(
            turn_id=context.last_turn_id + 1,
            start_ms=self._speech.turn_start_ms(context.detection),
            is_candidate=is_candidate,
            last_progress_at_ms=context.now_ms,
            speech_start_ms=0 if self._speech.is_speaking else None,
        )

    def _start(self, turn: SpokenTurn, from_ms: int) -> None:
        work_id = self._context.next_work_id()
        turn.start_recognition(work_id)
        language = self._context.config.settings.language
        self._context.emit(do.StartTranscribing(work_id, from_ms, language))
        self._assign_speech(turn)
        if self._speech.period.is_over:  # the client ended it before the rest could be a turn
            self._speech.start_period()
            self.finish(turn)

    def _assign_speech(self, turn: SpokenTurn) -> None:
        since_ms = self._speech.unassigned_since_ms
        if since_ms is not None:
            turn.add_speech(since_ms, self._speech.unassigned_ms)
            self._speech.assign()
            self._send(turn, msg.SpeechActivity(msg.SpeechKind.STARTED, since_ms))

    # -- listening -----------------------------------------------------------------------------

    def process_speech(self, event: on.SpeechEvent) -> None:
        """Process audio, or a start or stop of speech."""
        state = self._states.state
        turn = state.turn if isinstance(state, states.InputOpen) else None
        match event:
            case on.AudioAdvanced(end_ms):
                self._speech.advance(end_ms)
            case on.SpeechStarted(at_ms):
                self._speech.start_speech(at_ms)
                if turn is not None:
                    if turn.speech_start_ms is not None:
                        self._speech.endpointing.learn(self._speech.pause_ms)
                    self._assign_speech(turn)
            case on.SpeechStopped(at_ms):
                self._speech.stop_speech(at_ms)
                if turn is not None:
                    turn.counts.add_speech(self._speech.speech_ms)
                    self._send(turn, msg.SpeechActivity(msg.SpeechKind.STOPPED, at_ms))

    def check_endpoint(self) -> None:
        """End the turn if enough silence followed, or if it is too long."""
        state = self._states.state
        if not isinstance(state, states.InputOpen):
            return
        turn, detection = state.turn, self._context.detection
        turn.record_progress(self._context.now_ms)
        is_too_long = turn.check_length(self._speech.heard_ms, detection.max_utterance_ms)
        if is_too_long or (self._ends_by_silence and self._speech.has_ended(detection)):
            self.finish(turn)

    @property
    def _ends_by_silence(self) -> bool:
        """Whether silence ends the turn, not the client alone."""
        return not self._context.is_manual and not self._speech.period.until_stopped

    def expect_audio(self) -> None:
        """Restart the wait for audio: a client is attached."""
        self._idle_ms = INPUT_IDLE_MS
        state = self._states.state
        if isinstance(state, states.InputOpen):
            state.turn.record_progress(self._context.now_ms)

    def on_deadline(self, *, is_client_away: bool) -> None:
        """End a turn without further audio, and fail one without further transcripts."""
        self._idle_ms = CLIENT_AWAY_MS if is_client_away else INPUT_IDLE_MS
        deadline_ms, state = self.deadline_ms, self._states.state
        if deadline_ms is None or self._context.now_ms < deadline_ms:
            return
        if isinstance(state, states.InputOpen):
            self.finish(state.turn)
        elif isinstance(state, states.InputEnded):
            message = "the stt stage took too long"
            self.fail(state.turn, EngineError(Stage.STT, message, code=Code.STAGE_TIMEOUT))

    # -- ending --------------------------------------------------------------------------------

    def finish(self, turn: SpokenTurn) -> None:
        """End the input of the turn, and request its final transcription."""
        self.close_input(turn)
        heard_ms = self._speech.heard_ms
        self._send(turn, msg.SpeechActivity(msg.SpeechKind.TURN_ENDED, heard_ms))
        if turn.speech_start_ms is not None:
            turn.timings.record_endpointing(self._speech.silence_ms)
            self._context.emit(do.FinishTranscribing(turn.work_id))
        else:
            # Recognizers make words up when they are given silence.
            self.send_transcription(turn, on.FinalTranscribed(turn.work_id, ""))
            self.drop()

    def close_input(self, turn: SpokenTurn) -> None:
        """End the input of the turn: speech that continues belongs to no turn."""
        turn.end_input(self._speech.heard_ms, self._context.now_ms)
        self._count_open_speech(turn)
        self._speech.period.move_start(self._speech.heard_ms)
        self._speech.split_at_turn_end()
        match self._states.state:
            case states.Listening():
                ended: states.InputEnded = states.Transcribing(turn)
            case states.ListeningWithDraft(_, draft, drafted):
                ended = states.TranscribingWithDraft(turn, draft, drafted)
            case states.ListeningOverHeld(answered, response, request, _, release_at_ms):
                ended = states.TranscribingOverHeld(
                    answered, response, request, turn, release_at_ms
                )
            case states.ListeningOverPlaying(answered, response, request):
                ended = states.TranscribingOverPlaying(answered, response, request, turn)
            case _:
                ended = states.Transcribing(turn)
        self._states.advance(Step.END_INPUT, ended)

    def fail(self, turn: SpokenTurn, error: CedarVoiceError) -> None:
        """Give the turn up: it cannot be transcribed."""
        self._context.send(0 if turn.is_candidate else turn.turn_id, msg.Error(error))
        if not turn.is_candidate and error.stage is not None:
            self._context.record_failure(error.stage)
        self.drop()

    def drop(self) -> None:
        """Discard the user's turn, if there is one, and cancel its work."""
        turn = self.turn
        if turn is None:
            return
        if turn.end_ms is None:
            turn.abandon(self._speech.heard_ms)
            self._count_open_speech(turn)
        self._context.emit(do.CancelWork(turn.work_id))
        self.discard(turn)

    def discard(self, turn: SpokenTurn) -> None:
        """End the turn without an answer, and send its metrics."""
        self._context.emit(*map(do.CancelWork, self._states.drop_draft()))
        state = self._states.state
        if isinstance(state, states.Overlapping):
            if turn.counts.stt_audio_ms is not None:
                state.answered.counts.add_stt_audio(turn.counts.stt_audio_ms)
            responding = states.Responding(state.answered, state.response, state.request)
            self._states.advance(Step.DISCARD, responding)
        else:
            self._states.advance(Step.DISCARD, states.Idle())
            self._context.send(turn.turn_id, turn.record())

    def _count_open_speech(self, turn: SpokenTurn) -> None:
        if self._speech.is_speaking:
            turn.counts.add_speech(self._speech.speech_ms)

    # -- messages ------------------------------------------------------------------------------

    def send_transcription(
        self,
        turn: SpokenTurn,
        event: on.PartialTranscribed | on.FinalTranscribed,
        *,
        continues: bool = False,
    ) -> None:
        """Send a transcription, with the text before the user last continued the turn."""
        self._send(turn, turn.transcription(event, self._speech.heard_ms, continues=continues))

    def _send(self, turn: SpokenTurn, message: msg.Message) -> None:
        if not turn.is_candidate:
            self._context.send(turn.turn_id, message)
