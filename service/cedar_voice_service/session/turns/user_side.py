"""The side of a session that listens: at most one turn, from its first sound to its final words."""

from cedar_voice_service.errors import CallerError, CedarVoiceError, Code
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as say
from cedar_voice_service.session.config import TurnDetection, TurnMode
from cedar_voice_service.session.turns.context import Conversation
from cedar_voice_service.session.turns.speech_input import Hearing, Recording
from cedar_voice_service.session.turns.turn import Turn

INPUT_IDLE_MS = 1_000
"""Audio that stops coming for this long ends a turn that the server delimits."""

CLIENT_AWAY_MS = 15_000
"""The same while no stream is attached: a client that comes back has the rest of what was said."""


class Listening:
    """The turn that is heard or transcribed, if any.

    A turn that begins over an answer is a candidate: nothing is said of it until it is admitted.
    What one costs that never is, counts with the turn whose answer it was heard over.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.hearing = Hearing()
        self.turn: Turn | None = None
        self._conversation = conversation
        self._heard_over: Turn | None = None
        self._idle_ms = INPUT_IDLE_MS

    @property
    def is_hearing(self) -> bool:
        """Whether a turn takes audio in, its end being open."""
        return self.turn is not None and self.turn.end_ms is None

    @property
    def hears_speech(self) -> bool:
        """Whether the user speaks in a turn that is open yet."""
        return self.is_hearing and self.hearing.is_speaking

    @property
    def is_quiet(self) -> bool:
        """Whether the user pauses in a turn that is open yet."""
        return self.is_hearing and not self.hearing.is_speaking

    @property
    def deadline_ms(self) -> int | None:
        """When the clock is to be looked at."""
        turn = self.turn
        if turn is None:
            return None
        if turn.end_ms is not None:
            return turn.last_progress_at_ms + self._conversation.stage_timeout_ms
        return None if self._is_manual else turn.last_progress_at_ms + self._idle_ms

    @property
    def has_untaken(self) -> bool:
        """Whether no turn was made of the recording, or of speech in it."""
        return self.hearing.has_unclaimed or not self.hearing.recording.has_turn

    @property
    def has_missed_speech(self) -> bool:
        """Whether the user has spoken since the end of the turn that is transcribed."""
        is_transcribing = self.turn is not None and not self.is_hearing
        return is_transcribing and self.hearing.has_unclaimed

    @property
    def has_rest(self) -> bool:
        """Whether that speech is to be heard before the turn is answered.

        In push to talk it is if the turn was only too long, or if the client has ended it as well.
        """
        is_cut = self.turn is not None and self.turn.is_cut
        is_to_be_heard = is_cut or self.hearing.recording.is_over or not self._is_manual
        return self.has_missed_speech and is_to_be_heard

    @property
    def is_full(self) -> bool:
        """Whether speech of no turn fills a turn already."""
        length_ms = self.hearing.heard_ms - self.untaken_from_ms
        return self.hearing.has_unclaimed and length_ms >= self._detection.max_utterance_ms

    @property
    def needs_audio_from_ms(self) -> int:
        """What is heard from there on may still become part of what the user is told they said."""
        if self.turn is not None and self.turn.from_ms is not None:
            return self.turn.from_ms
        return self.untaken_from_ms

    @property
    def untaken_from_ms(self) -> int:
        """What is heard from there on may become part of a turn that has not begun."""
        return self.hearing.untaken_from_ms(self._detection)

    @property
    def _detection(self) -> TurnDetection:
        return self._conversation.config.turn_detection

    @property
    def _is_manual(self) -> bool:
        return self._detection.mode is TurnMode.MANUAL

    # -- beginning -----------------------------------------------------------------------------

    def begin(self, *, over: Turn | None = None) -> None:
        """Begin a turn with what no turn has taken, a candidate if it is `over` an answer."""
        conversation, hearing = self._conversation, self.hearing
        if hearing.has_lost_speech(self._detection):
            lost = CallerError("more was said than is kept", code=Code.OVERLOADED)
            conversation.refuse(lost)
        from_ms = hearing.begins_at_ms(self._detection)
        turn = Turn(conversation.last_turn_id + 1, from_ms, conversation.now_ms)
        turn.has_speech = hearing.is_speaking
        self.turn, self._heard_over = turn, over
        hearing.recording.has_turn = True
        self._transcribe(turn, from_ms)
        if over is None:
            conversation.last_turn_id = turn.turn_id
        self._claim_speech(turn)
        self._consider_end_of_recording()

    def go_on(self, turn: Turn) -> None:
        """The user goes on with a turn that seemed over: what was said stays part of it."""
        self.hearing.patience.learn(self.hearing.pause_ms)
        from_ms = max(turn.end_ms or 0, self.hearing.begins_at_ms(self._detection))
        turn.said_text, turn.end_ms = turn.user_text, None
        turn.last_progress_at_ms = self._conversation.now_ms
        self.turn, self._heard_over = turn, None
        self._transcribe(turn, from_ms)
        self._claim_speech(turn)
        self._consider_end_of_recording()

    def may_go_on(self, turn: Turn) -> bool:
        """Whether what is said next can still belong to the turn."""
        if self._is_manual or turn.from_ms is None:
            return False
        if turn.response is not None and turn.response.has_acted:
            return False
        return self.hearing.heard_ms - turn.from_ms < self._detection.max_utterance_ms

    def admit(self) -> None:
        """The candidate is a turn like any other: say what was kept back."""
        turn = self.turn
        assert turn is not None
        self._heard_over = None
        self._conversation.last_turn_id = turn.turn_id
        self._say(turn, say.SpeechActivity(say.SpeechKind.STARTED, turn.speech_from_ms))
        if turn.end_ms is not None:
            self._say(turn, say.SpeechActivity(say.SpeechKind.TURN_ENDED, turn.end_ms))

    def _transcribe(self, turn: Turn, from_ms: int) -> None:
        work_id = turn.hearing_work_id = self._conversation.next_work_id()
        language = self._conversation.config.settings.language
        self._conversation.order(do.StartTranscribing(work_id, from_ms, language))

    def _claim_speech(self, turn: Turn) -> None:
        """Make the speech that is heard part of the turn."""
        since_ms = self.hearing.unclaimed_since_ms
        if since_ms is not None:
            turn.has_speech, turn.speech_from_ms = True, since_ms
            turn.counts.speech_ms += self.hearing.unclaimed_ms
            self.hearing.claim()
            self._say(turn, say.SpeechActivity(say.SpeechKind.STARTED, since_ms))

    def _consider_end_of_recording(self) -> None:
        """The client has ended the recording before its rest could be a turn."""
        if self.hearing.recording.is_over:
            self.begin_recording()
            self.finish()

    def begin_recording(self) -> None:
        """A new recording begins here."""
        self.hearing.recording = Recording(self.hearing.heard_ms)

    # -- hearing -------------------------------------------------------------------------------

    def hear(self, event: on.EarEvent) -> None:
        """Take what the ear tells."""
        turn = self.turn if self.is_hearing else None
        match event:
            case on.AudioHeard(end_ms):
                self.hearing.heard_ms = end_ms
                self.hearing.recording.has_audio = True
            case on.SpeechBegan(at_ms):
                self.hearing.began(at_ms)
                if turn is not None:
                    if turn.has_speech:
                        self.hearing.patience.learn(self.hearing.pause_ms)
                    self._claim_speech(turn)
            case on.SpeechPaused(at_ms):
                self.hearing.paused(at_ms)
                if turn is not None:
                    turn.counts.speech_ms += self.hearing.speech_ms
                    self._say(turn, say.SpeechActivity(say.SpeechKind.STOPPED, at_ms))

    def consider_endpoint(self) -> None:
        """End the turn if enough silence followed, or if it is too long."""
        turn = self.turn
        if turn is None or turn.end_ms is not None or turn.from_ms is None:
            return
        turn.last_progress_at_ms = self._conversation.now_ms
        is_too_long = self.hearing.heard_ms - turn.from_ms >= self._detection.max_utterance_ms
        turn.is_cut = is_too_long
        if is_too_long or (not self._is_manual and self.hearing.has_ended(self._detection)):
            self.finish()

    def expect_audio(self) -> None:
        """A client is there, or there again."""
        self._idle_ms = INPUT_IDLE_MS
        if self.turn is not None and self.is_hearing:
            self.turn.last_progress_at_ms = self._conversation.now_ms

    def look_at_clock(self, *, is_client_away: bool) -> None:
        """End a turn whose audio stopped coming, give up one whose recognizer did."""
        self._idle_ms = CLIENT_AWAY_MS if is_client_away else INPUT_IDLE_MS
        turn, deadline_ms = self.turn, self.deadline_ms
        if turn is None or deadline_ms is None or self._conversation.now_ms < deadline_ms:
            return
        if turn.end_ms is None:
            self.finish()
        else:
            self.fail(turn.timeout)

    # -- ending --------------------------------------------------------------------------------

    def finish(self) -> None:
        """The turn's input is over: its final transcription is wanted."""
        turn = self.turn
        assert turn is not None
        self.close_input(turn)
        self._say(turn, say.SpeechActivity(say.SpeechKind.TURN_ENDED, self.hearing.heard_ms))
        if turn.has_speech:
            turn.timings.endpointing_ms = self.hearing.silence_ms
            self._conversation.order(do.FinishTranscribing(turn.hearing_work_id))
        else:
            # Recognizers make words up when they are given silence.
            self.say_transcription(turn, on.FinalTranscribed(turn.hearing_work_id, ""))
            self.drop()

    def close_input(self, turn: Turn) -> None:
        """Hear no more for the turn: speech that goes on is none of it."""
        self.end_input(turn)
        self._count_speech(turn)
        self.hearing.recording.from_ms = self.hearing.heard_ms
        self.hearing.let_go()

    def end_input(self, turn: Turn) -> None:
        """Note that the turn's input ends here."""
        turn.end_ms = self.hearing.heard_ms
        turn.last_progress_at_ms = turn.timings.ended_at_ms = self._conversation.now_ms

    def fail(self, error: CedarVoiceError) -> None:
        """Give the turn up: it cannot be transcribed."""
        assert self.turn is not None
        is_told = self._heard_over is None
        self._conversation.say(self.turn.turn_id if is_told else 0, say.Failed(error))
        if is_told:
            self._conversation.failed_stage = error.stage
        self.drop()

    def drop(self) -> None:
        """Forget the turn, if there is one, and stop all that works for it."""
        turn = self.turn
        if turn is None:
            return
        if turn.end_ms is None:
            turn.end_ms = self.hearing.heard_ms
            self._count_speech(turn)
        self._conversation.order(do.CancelWork(turn.hearing_work_id))
        self.end()

    def end(self) -> None:
        """The turn is over without an answer: tell what it cost."""
        turn, self.turn = self.turn, None
        assert turn is not None
        self._conversation.order(*turn.drop_draft())
        if self._heard_over is None:
            self._conversation.say(turn.turn_id, turn.metrics(self._conversation.now_ms))
        elif turn.counts.stt_audio_ms is not None:
            self._heard_over.counts.sent(turn.counts.stt_audio_ms)

    def _count_speech(self, turn: Turn) -> None:
        if self.hearing.is_speaking:
            turn.counts.speech_ms += self.hearing.speech_ms

    # -- what is said --------------------------------------------------------------------------

    def say_transcription(
        self,
        turn: Turn,
        event: on.PartialTranscribed | on.FinalTranscribed,
        *,
        continues: bool = False,
    ) -> None:
        """Say what was recognized, with what was said before the user went on."""
        said = turn.transcription(event, self.hearing.heard_ms, continues=continues)
        self._say(turn, said)

    def _say(self, turn: Turn, message: say.Message) -> None:
        if self._heard_over is None:
            self._conversation.say(turn.turn_id, message)
