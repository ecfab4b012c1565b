"""What a session continues: nothing, a conversation, or a session that was lost."""

from dataclasses import dataclass

from cedar_voice_service.session.history import HistoryItem

FIRST_TERM = 1
"""Term of a session that stands in for no other."""


@dataclass(frozen=True, slots=True)
class Position:
    """What a client has of a session; `term` 0 is the session's own."""

    sequence: int
    term: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """Where a session begins.

    `term` counts the sessions that were opened in each other's place. `resume_token` is that of the
    lost one, empty where there is none; events, turns and responses are numbered on from its last.
    """

    history: tuple[HistoryItem, ...] = ()
    term: int = FIRST_TERM
    resume_token: str = ""
    last_sequence: int = 0
    last_turn_id: int = 0
    last_response_id: int = 0

    @property
    def is_lost_session(self) -> bool:
        """Whether the session stands in for one that was lost."""
        return self.term > FIRST_TERM


NO_PAST = Past()
"""Where a session begins that continues nothing."""
