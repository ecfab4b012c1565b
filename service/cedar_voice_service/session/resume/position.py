"""The point at which a session starts or resumes: a new one, a conversation, or a lost session."""

from dataclasses import dataclass

from cedar_voice_service.session.history import HistoryItem

FIRST_TERM = 1
"""Term of a session that does not stand in for another."""


@dataclass(frozen=True, slots=True)
class Position:
    """Last event that a client has of a session; a `term` of 0 is the session's own."""

    sequence: int
    term: int = 0


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Sequence number after which a stream resumes; None for the session's first stream.

    `is_restored` is set where the client learns that the session stands in for a lost one.
    """

    after: int | None = None
    is_restored: bool = False


START = ResumePoint()
"""The first stream of a new session."""


@dataclass(frozen=True, slots=True)
class Past:
    """The session that another one continues.

    `term` counts the sessions opened in each other's place. `resume_token` is that of the lost one,
    empty where there is none. Numbers of events, turns and responses continue after its last.
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
"""The past of a session that continues nothing."""
