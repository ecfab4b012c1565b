"""Times at which a turn reached its stages, in clock milliseconds; None for stages not reached."""

from dataclasses import dataclass


@dataclass(slots=True)
class InputTimings:
    """Marks of the user's input. The newest counts: a turn may be reopened."""

    ended_at_ms: int | None = None
    endpointing_ms: int | None = None
    transcribed_at_ms: int | None = None

    def mark_ended(self, now_ms: int) -> None:
        """Mark the end of the input."""
        self.ended_at_ms = now_ms

    def record_endpointing(self, silence_ms: int | None) -> None:
        """Record the silence that ended the turn; None where none was needed."""
        self.endpointing_ms = silence_ms

    def mark_transcribed(self, now_ms: int) -> None:
        """Mark the final transcription."""
        self.transcribed_at_ms = now_ms


@dataclass(slots=True)
class ResponseTimings:
    """Marks of a response. The first time counts: later calls of the same method change nothing."""

    requested_at_ms: int
    first_token_at_ms: int | None = None
    written_at_ms: int | None = None
    synthesis_started_at_ms: int | None = None
    first_speech_at_ms: int | None = None
    first_sent_at_ms: int | None = None
    first_heard_at_ms: int | None = None

    def mark_token(self, now_ms: int) -> None:
        """Mark the first text of the model."""
        self.first_token_at_ms = _first(self.first_token_at_ms, now_ms)

    def mark_written(self, now_ms: int) -> None:
        """Mark the end of the text."""
        self.written_at_ms = _first(self.written_at_ms, now_ms)

    def mark_synthesis(self, now_ms: int) -> None:
        """Mark the first phrase given to the synthesizer."""
        self.synthesis_started_at_ms = _first(self.synthesis_started_at_ms, now_ms)

    def mark_speech(self, now_ms: int) -> None:
        """Mark the first audio of the synthesizer."""
        self.first_speech_at_ms = _first(self.first_speech_at_ms, now_ms)

    def mark_sent(self, now_ms: int) -> None:
        """Mark the first audio sent to the client."""
        self.first_sent_at_ms = _first(self.first_sent_at_ms, now_ms)

    def mark_heard(self, at_ms: int) -> None:
        """Mark the start of playback at the client."""
        self.first_heard_at_ms = _first(self.first_heard_at_ms, at_ms)


def between(start_ms: int | None, end_ms: int | None) -> int | None:
    """Return the time between two marks, at least 0; None unless both are set."""
    if start_ms is None or end_ms is None:
        return None
    return max(0, end_ms - start_ms)


def _first(marked_ms: int | None, at_ms: int) -> int:
    return at_ms if marked_ms is None else marked_ms
