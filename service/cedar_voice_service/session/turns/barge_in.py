"""Between the side that listens and the side that answers: speech over an answer, until decided.

The answer is held meanwhile, and the turn that listens is a candidate of which nothing is said.
"""

from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as say
from cedar_voice_service.session.turns.agent_side import Answering
from cedar_voice_service.session.turns.context import Conversation
from cedar_voice_service.session.turns.overlap import BargeIn, Verdict
from cedar_voice_service.session.turns.turn import Turn
from cedar_voice_service.session.turns.user_side import Listening


class Interrupting:
    """Whether the turn that is listened to cuts the turn that is answered, if there are both."""

    def __init__(
        self, conversation: Conversation, listening: Listening, answering: Answering
    ) -> None:
        self._conversation = conversation
        self._listening = listening
        self._answering = answering
        self._barge_in: BargeIn | None = None

    @property
    def deadline_ms(self) -> int | None:
        """When the clock is to be looked at."""
        return self._barge_in.release_at_ms if self._barge_in else None

    def take_speech(self, turn: Turn) -> None:
        """There is speech over the answer of this turn, or before it was heard at all."""
        if self._goes_on_with(turn):
            self._listening.go_on(self._answering.take_back())
        elif self._may_interrupt(turn):
            self._barge_in = BargeIn(self._conversation.now_ms)
            self._answering.hold()
            self._listening.begin(over=turn)
        elif not self._listening.hearing.is_speaking:
            self._listening.hearing.claim()  # a cough, or over an answer that nothing interrupts

    def look_at_length(self) -> None:
        """Speech that lasts interrupts, whatever it says."""
        barge_in = self._barge_in
        if barge_in is None:
            return
        if barge_in.is_certain(self._listening.hearing):
            self._let_interrupt()
        elif barge_in.failure is not None and not self._listening.hears_speech:
            self._listening.fail(barge_in.failure)

    def fail(self, error: CedarVoiceError) -> None:
        """The recognizer failed; over an answer, the length of the speech decides without it."""
        if self._barge_in is not None and self._listening.hears_speech:
            self._barge_in.failure = error
        else:
            self._listening.fail(error)

    def look_at_clock(self) -> None:
        """Let an answer go on that was held for long enough."""
        if self._barge_in is not None and self._barge_in.is_due(self._conversation.now_ms):
            self._barge_in.is_held = False
            self._answering.release()

    def decide(self, event: on.PartialTranscribed | on.FinalTranscribed) -> bool:
        """Decide by the words over an answer; False while, or because, they do not interrupt."""
        if self._barge_in is None:
            return True
        match self._barge_in.judge(event, is_speaking=self._listening.hears_speech):
            case Verdict.INTERRUPTION:
                self._let_interrupt()
                return True
            case Verdict.BACKCHANNEL:
                self._listening.drop()
            case Verdict.OPEN:
                pass
        return False

    def settle(self) -> None:
        """Once one side is gone, there is nothing to decide any more."""
        if self._barge_in is None:
            return
        if self._listening.turn is None:
            self._barge_in = None
            self._answering.release()
        elif self._answering.turn is None:
            failure, self._barge_in = self._barge_in.failure, None
            self._listening.admit()
            if failure is not None:
                self._listening.fail(failure)

    def _goes_on_with(self, turn: Turn) -> bool:
        hearing = self._listening.hearing
        if turn.response is None or not self._is_long_enough or not self._listening.may_go_on(turn):
            return False
        return not turn.response.was_perceived_by(self._conversation.now_ms - hearing.speech_ms)

    def _may_interrupt(self, turn: Turn) -> bool:
        return (
            turn.response is not None
            and turn.response.manner.is_interruptible
            and self._conversation.config.turn_detection.interrupt_response
            and self._is_long_enough
        )

    @property
    def _is_long_enough(self) -> bool:
        """Whether it is more than a cough."""
        least_ms = self._conversation.config.turn_detection.min_interruption_ms
        return self._listening.hearing.speech_ms >= least_ms

    def _let_interrupt(self) -> None:
        self._answering.interrupt(say.InterruptionReason.USER_SPEECH)
        self.settle()
