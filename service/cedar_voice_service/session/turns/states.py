"""The states of turn-taking, and the one table of transitions between them.

A state is a record of all that exists in it. `TurnStates.advance` is the only way from one state to
another, and refuses a transition that `TRANSITIONS` does not contain. `Session` decides which room
processes an event; `UserSide`, `AgentSide` and `BargeIn` advance the state.

Speech over an answer starts a turn that is a candidate until it is decided whether it interrupts
the answer. The answer is held meanwhile; a hold ends after a while, also undecided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from cedar_voice_service.session.response.response import Response
from cedar_voice_service.session.turns.draft import Draft
from cedar_voice_service.session.turns.turn import SpokenTurn, Turn


@dataclass(frozen=True, slots=True)
class Idle:
    """No turn is in progress."""


@dataclass(frozen=True, slots=True)
class Listening:
    """The user's turn receives audio; its end is open."""

    turn: SpokenTurn


@dataclass(frozen=True, slots=True)
class ListeningWithDraft:
    """The user paused, and a draft of the answer is being made."""

    turn: SpokenTurn
    draft: Draft
    drafted: Response


@dataclass(frozen=True, slots=True)
class Transcribing:
    """The user's turn has ended; its final transcription is due."""

    turn: SpokenTurn


@dataclass(frozen=True, slots=True)
class TranscribingWithDraft:
    """The user's turn has ended, and a draft of the answer is being made."""

    turn: SpokenTurn
    draft: Draft
    drafted: Response


@dataclass(frozen=True, slots=True)
class Responding:
    """A turn is answered; `request` holds the instructions of an answer that was asked for."""

    answered: Turn
    response: Response
    request: str | None = None


@dataclass(frozen=True, slots=True)
class _Overlap:
    answered: Turn
    response: Response
    request: str | None
    turn: SpokenTurn


@dataclass(frozen=True, slots=True)
class ListeningOverHeld(_Overlap):
    """The user speaks over an answer, which is held until `release_at_ms` by the clock."""

    release_at_ms: int


@dataclass(frozen=True, slots=True)
class ListeningOverPlaying(_Overlap):
    """The user speaks over an answer, which plays on after the hold."""


@dataclass(frozen=True, slots=True)
class TranscribingOverHeld(_Overlap):
    """Speech over an answer has ended undecided; the answer is held until `release_at_ms`."""

    release_at_ms: int


@dataclass(frozen=True, slots=True)
class TranscribingOverPlaying(_Overlap):
    """Speech over an answer has ended undecided; the answer plays on after the hold."""


Drafting = ListeningWithDraft | TranscribingWithDraft
OverlapHeld = ListeningOverHeld | TranscribingOverHeld
Overlapping = OverlapHeld | ListeningOverPlaying | TranscribingOverPlaying
InputOpen = Listening | ListeningWithDraft | ListeningOverHeld | ListeningOverPlaying
InputEnded = Transcribing | TranscribingWithDraft | TranscribingOverHeld | TranscribingOverPlaying
UserTurn = InputOpen | InputEnded
Answering = Responding | Overlapping
State = Idle | UserTurn | Answering


class Step(Enum):
    """A reason to change the state."""

    LISTEN = "speech, or audio in push to talk"
    END_INPUT = "silence, stop_listening, or too long"
    DRAFT = "settled words at a pause"
    DROP_DRAFT = "other words, or the draft failed"
    DISCARD = "no answer: no words, failed, dropped, or not asked for"
    RESPOND = "final words, text, a request, or an apology"
    REOPEN = "more speech before the answer is heard"
    COMPLETE = "everything sent and heard, failed, or the input has ended"
    INTERRUPT = "words over the answer, a second of speech, or the client"
    OVERLAP = "speech over the answer"
    END_HOLD = "held for long enough"


TRANSITIONS: Mapping[Step, Mapping[type[State], type[State]]] = {
    Step.LISTEN: {Idle: Listening},
    Step.END_INPUT: {
        Listening: Transcribing,
        ListeningWithDraft: TranscribingWithDraft,
        ListeningOverHeld: TranscribingOverHeld,
        ListeningOverPlaying: TranscribingOverPlaying,
    },
    Step.DRAFT: {Listening: ListeningWithDraft},
    Step.DROP_DRAFT: {ListeningWithDraft: Listening, TranscribingWithDraft: Transcribing},
    Step.DISCARD: {
        Listening: Idle,
        Transcribing: Idle,
        ListeningOverHeld: Responding,
        ListeningOverPlaying: Responding,
        TranscribingOverHeld: Responding,
        TranscribingOverPlaying: Responding,
    },
    Step.RESPOND: {
        Idle: Responding,
        Transcribing: Responding,
        TranscribingWithDraft: Responding,
    },
    Step.REOPEN: {
        Transcribing: Listening,
        TranscribingWithDraft: ListeningWithDraft,
        Responding: Listening,
    },
    Step.COMPLETE: {
        Responding: Idle,
        ListeningOverPlaying: Listening,
        TranscribingOverPlaying: Transcribing,
    },
    Step.INTERRUPT: {
        Responding: Idle,
        ListeningOverHeld: Listening,
        ListeningOverPlaying: Listening,
        TranscribingOverHeld: Transcribing,
        TranscribingOverPlaying: Transcribing,
    },
    Step.OVERLAP: {Responding: ListeningOverHeld},
    Step.END_HOLD: {
        ListeningOverHeld: ListeningOverPlaying,
        TranscribingOverHeld: TranscribingOverPlaying,
    },
}


class IllegalTransition(Exception):
    """A transition that the table does not contain: a defect of the session's rules."""


class TurnStates:
    """The state of turn-taking, and its only writer."""

    def __init__(self) -> None:
        self._state: State = Idle()

    @property
    def state(self) -> State:
        """The current state."""
        return self._state

    def advance(self, step: Step, state: State) -> None:
        """Enter a state.

        Raises:
            IllegalTransition: the table has no such transition.
        """
        before = type(self._state)
        if TRANSITIONS[step].get(before) is not type(state):
            raise IllegalTransition(f"{step.name}: {before.__name__} to {type(state).__name__}")
        self._state = state

    def drop_draft(self) -> list[int]:
        """Leave the draft, if there is one; return its work, which is to be cancelled."""
        state = self._state
        if not isinstance(state, Drafting):
            return []
        state.turn.counts.add_dropped_draft(state.drafted.token_count)
        undrafted = Listening if isinstance(state, ListeningWithDraft) else Transcribing
        self.advance(Step.DROP_DRAFT, undrafted(state.turn))
        return [state.drafted.work_id]
