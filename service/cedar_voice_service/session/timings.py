"""When the stages of a turn were reached, in clock milliseconds; None where they were not."""

from dataclasses import dataclass


@dataclass(slots=True)
class Timings:
    """Marks of one turn. Each is set once, by `mark`."""

    input_ended_at_ms: int | None = None
    endpointing_ms: int | None = None
    transcribed_at_ms: int | None = None
    reply_requested_at_ms: int | None = None
    first_token_at_ms: int | None = None
    written_at_ms: int | None = None
    synthesis_started_at_ms: int | None = None
    first_speech_at_ms: int | None = None
    first_sent_at_ms: int | None = None

    def mark(self, name: str, now_ms: int) -> None:
        """Set the mark `name` unless it is set."""
        if getattr(self, name) is None:
            setattr(self, name, now_ms)
