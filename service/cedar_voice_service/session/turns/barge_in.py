"""Barge-in: whether speech over an answer interrupts it, by its words and its length.

A cough or a backchannel ("mm-hm") lets the answer resume, words interrupt it, and so does speech
too long for either. The answer is held until that is decided, for a limited time.
"""

from enum import Enum

from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.text import words_of
from cedar_voice_service.session.turns import states
from cedar_voice_service.session.turns.agent_side import AgentSide
from cedar_voice_service.session.turns.context import SessionContext
from cedar_voice_service.session.turns.speech_input import SpeechInput
from cedar_voice_service.session.turns.states import Step, TurnStates
from cedar_voice_service.session.turns.turn import SpokenTurn
from cedar_voice_service.session.turns.user_side import UserSide

CERTAIN_SPEECH_MS = 1_000
"""Nobody coughs or hums for this long."""

LONGEST_HOLD_MS = 2_000
"""The answer resumes after this, decided or not; words recognized later still interrupt it."""

# fmt: off
_BACKCHANNELS = frozenset(
    {
        "ah", "aha", "ahh", "alright", "eh", "genau", "hai", "hm", "hmm", "hmmm", "huh", "i",
        "ja", "mhm", "mhmm", "mm", "mmh", "mmhm", "mmm", "oh", "oké", "ok", "okay", "ouais",
        "oui", "right", "see", "si", "sí", "sure", "true", "uh", "uhhuh", "uhuh", "um", "un",
        "wow", "ya", "yeah", "yep", "yes", "yup",
    }
)
# fmt: on
"""Words that keep the other talking, alone or combined ("I see")."""


class Verdict(Enum):
    """The meaning of speech over an answer."""

    UNDECIDED = "undecided"
    INTERRUPTION = "interruption"
    BACKCHANNEL = "backchannel"


def classify(text: str, *, is_complete: bool) -> Verdict:
    """Classify the words of speech over an answer; `is_complete` where no more follow."""
    words = words_of(text)
    if any(word not in _BACKCHANNELS for word in words):
        return Verdict.INTERRUPTION
    return Verdict.BACKCHANNEL if is_complete else Verdict.UNDECIDED


class BargeIn:
    """Decides over speech that starts while a turn is answered."""

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
        self._was_guessed = False
        """Whether the newest partial was a guess at words that interrupt."""

    @property
    def deadline_ms(self) -> int | None:
        """Clock time at which the hold of the answer ends; None where it is not held."""
        state = self._states.state
        return state.release_at_ms if isinstance(state, states.OverlapHeld) else None

    def process_speech(self, state: states.Responding) -> None:
        """Decide over speech that belongs to no turn, while a turn is answered."""
        if (continued := self._continued(state)) is not None:
            self._agent.retract(state)
            self._user.reopen(continued)
        elif self._may_interrupt(state):
            self._was_guessed = False
            self._agent.hold(state)
            self._user.open_candidate(state, self._context.now_ms + LONGEST_HOLD_MS)
        elif not self._speech.is_speaking:
            self._speech.assign()  # too short, or over an answer that speech does not interrupt

    def check_length(self, state: states.Overlapping) -> None:
        """Interrupt the answer if the speech is too long for a cough or a backchannel.

        If the recognizer has failed and the user has stopped, no words decide: the candidate fails.
        """
        if self._speech.speech_ms >= CERTAIN_SPEECH_MS:
            self._interrupt()
        elif state.turn.failure is not None and not self._user.is_speaking:
            self._user.fail(state.turn, state.turn.failure)

    def process_failure(self, error: CedarVoiceError) -> None:
        """Process the failure of the recognizer: over an answer, the length may still decide."""
        state = self._states.state
        if isinstance(state, states.Overlapping) and self._user.is_speaking:
            state.turn.keep_failure(error)
        elif isinstance(state, states.UserTurn):
            self._user.fail(state.turn, error)

    def on_deadline(self) -> None:
        """Resume an answer that was held for long enough, or whose candidate is gone."""
        state = self._states.state
        if isinstance(state, states.Responding):
            self._agent.release()
        if not isinstance(state, states.OverlapHeld) or self._context.now_ms < state.release_at_ms:
            return
        is_listening = isinstance(state, states.ListeningOverHeld)
        kind = states.ListeningOverPlaying if is_listening else states.TranscribingOverPlaying
        playing = kind(state.answered, state.response, state.request, state.turn)
        self._states.advance(Step.END_HOLD, playing)
        self._agent.release()

    def admits(self, event: on.PartialTranscribed | on.FinalTranscribed) -> bool:
        """Decide by a transcript; return whether the turn that it belongs to counts, or counts now.

        It does not while the words over an answer are undecided, or once they are a backchannel.
        """
        if not isinstance(self._states.state, states.Overlapping):
            return True
        match self._classify(event):
            case Verdict.INTERRUPTION:
                self._interrupt()
                return True
            case Verdict.BACKCHANNEL:
                self._user.drop()
            case Verdict.UNDECIDED:
                pass
        return False

    def settle(self) -> None:
        """Resume a held answer whose candidate is gone; admit a candidate whose answer is gone."""
        state = self._states.state
        if isinstance(state, states.Responding):
            self._agent.release()
        elif isinstance(state, states.Overlapping):
            pass  # undecided
        elif isinstance(state, states.UserTurn) and state.turn.is_candidate:
            self._user.admit(state.turn)

    def _classify(self, event: on.PartialTranscribed | on.FinalTranscribed) -> Verdict:
        """Classify the newest words.

        A recognizer reports a hum as words now and then, and corrects it with the next partial.
        So words that are stable, settled or final interrupt at once, guesses when they are two in a
        row: the answer is held meanwhile.
        """
        if isinstance(event, on.FinalTranscribed):
            return classify(event.text, is_complete=True)
        if event.is_settled:
            return classify(event.text, is_complete=not self._user.is_speaking)
        if event.stable_text:
            return classify(event.stable_text, is_complete=False)
        was_guessed = self._was_guessed
        verdict = classify(event.text, is_complete=False)
        self._was_guessed = verdict is Verdict.INTERRUPTION
        return verdict if was_guessed else Verdict.UNDECIDED

    def _interrupt(self) -> None:
        self._agent.interrupt(msg.InterruptionReason.USER_SPEECH)
        self.settle()

    def _continued(self, state: states.Responding) -> SpokenTurn | None:
        """Return the answered turn if the speech continues it, the answer being unheard."""
        turn = state.answered
        if not isinstance(turn, SpokenTurn) or not self._is_long_enough:
            return None
        speech_at_ms = self._context.now_ms - self._speech.speech_ms
        if state.response.was_perceived_by(speech_at_ms) or not self._user.may_reopen(turn):
            return None
        return turn

    def _may_interrupt(self, state: states.Responding) -> bool:
        is_allowed = self._context.detection.interrupt_response
        return state.response.options.is_interruptible and is_allowed and self._is_long_enough

    @property
    def _is_long_enough(self) -> bool:
        """Whether the speech has the configured length."""
        return self._speech.speech_ms >= self._context.detection.min_interruption_ms
