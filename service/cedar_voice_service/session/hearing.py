"""What the ear has told so far, and what follows from it for the end of a turn.

All times are milliseconds of input audio since the session began.
"""

from dataclasses import dataclass

from cedar_voice_service.session.config import TurnDetection
from cedar_voice_service.session.endpointing import Patience


@dataclass(slots=True)
class Recording:
    """A listening period: what came since the client began or ended one."""

    from_ms: int = 0
    has_audio: bool = False
    has_turn: bool = False


class Hearing:
    """The user's speech as heard since the last turn took it over."""

    def __init__(self) -> None:
        self.heard_ms = 0
        """How far input audio was heard."""
        self.is_speaking = False
        """Whether the user speaks now."""
        self.unclaimed_since_ms: int | None = None
        """Where speech began that belongs to no turn yet."""
        self.pause_ms = 0
        """The silence before the newest speech, since the speech before that."""
        self.patience = Patience()
        self._speech_began_ms = 0
        self._speech_ended_ms: int | None = None

    def began(self, at_ms: int) -> None:
        """Speech was detected."""
        self.is_speaking = True
        if self._speech_ended_ms is not None:
            self.pause_ms = max(0, at_ms - self._speech_ended_ms)
        self._speech_began_ms = at_ms
        self._speech_ended_ms = None
        if self.unclaimed_since_ms is None:
            self.unclaimed_since_ms = at_ms

    def paused(self, at_ms: int) -> None:
        """Speech gave way to silence."""
        self.is_speaking = False
        self._speech_ended_ms = at_ms

    def claim(self) -> None:
        """A turn takes over what was heard."""
        self.unclaimed_since_ms = None

    def break_off(self) -> None:
        """Nobody wants what was heard, nor the rest of the speech that goes on."""
        self.claim()
        if self.is_speaking:
            self.paused(self.heard_ms)

    @property
    def speech_ms(self) -> int:
        """Length of the present or last stretch of speech."""
        end_ms = self.heard_ms if self._speech_ended_ms is None else self._speech_ended_ms
        return end_ms - self._speech_began_ms

    @property
    def silence_ms(self) -> int | None:
        """How long silence has lasted since speech; None while the user speaks or never spoke."""
        if self._speech_ended_ms is None:
            return None
        return max(0, self.heard_ms - self._speech_ended_ms)

    def has_ended(self, detection: TurnDetection) -> bool:
        """Whether enough silence followed the last speech to end the turn."""
        silence_ms = self.silence_ms
        return silence_ms is not None and silence_ms >= self.patience.silence_ms(detection)
