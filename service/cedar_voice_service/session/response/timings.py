"""When the stages of a turn were reached, in clock milliseconds; None where they were not."""

from dataclasses import dataclass


@dataclass(slots=True)
class InputTimings:
    """Marks of the user's input. The newest counts: a turn may be reopened."""

    ended_at_ms: int | None = None
    endpointing_ms: int | None = None
    transcribed_at_ms: int | None = None


@dataclass(slots=True)
class ResponseTimings:
    """Marks of a response. Each but the first is set once, by `mark`."""

    requested_at_ms: int
    first_token_at_ms: int | None = None
    written_at_ms: int | None = None
    synthesis_started_at_ms: int | None = None
    first_speech_at_ms: int | None = None
    first_sent_at_ms: int | None = None
    first_heard_at_ms: int | None = None

    def mark(self, name: str, at_ms: int) -> None:
        """Set the mark `name` unless it is set."""
        if getattr(self, name) is None:
            setattr(self, name, at_ms)
