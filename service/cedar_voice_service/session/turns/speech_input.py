"""What the ear has told so far, and what follows from it for the end of a turn.

All times are milliseconds of input audio since the session began.
"""

from dataclasses import dataclass

from cedar_voice_service.session.config import TurnDetection, TurnMode
from cedar_voice_service.session.turns.endpointing import Patience

UNDECIDED_MS = 1_000
"""How far back speech may turn out to have begun, beside what the configuration adds to that."""

KEPT_TURNS = 2
"""Longest turns whose audio is kept for turns that have not begun."""


@dataclass(slots=True)
class Recording:
    """A listening period: what came since the client began or ended one."""

    from_ms: int = 0
    has_audio: bool = False
    has_turn: bool = False
    is_over: bool = False
    """Whether the client has ended it, and speech in it waits for the turn before to be done."""


class Hearing:
    """The user's speech as heard since the last turn took it over."""

    def __init__(self) -> None:
        self.recording = Recording()
        self.heard_ms = 0
        """How far input audio was heard."""
        self.is_speaking = False
        """Whether the user speaks now."""
        self.unclaimed_since_ms: int | None = None
        """Where speech began that belongs to no turn yet."""
        self.unclaimed_ms = 0
        """How much speech has ended that belongs to no turn yet."""
        self.taken_until_ms = 0
        """Where a turn ended within speech: what was said before is its own."""
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
        if self.unclaimed_since_ms is not None:
            self.unclaimed_ms += self.speech_ms
        if at_ms <= self.taken_until_ms:
            self.claim()  # it did not go on after all

    def claim(self) -> None:
        """A turn takes over what was heard."""
        self.unclaimed_since_ms = None
        self.unclaimed_ms = 0

    def let_go(self) -> None:
        """The turn that takes speech in is over: what goes on from here is speech of no turn."""
        if self.is_speaking:
            self.taken_until_ms = self._speech_began_ms = self.unclaimed_since_ms = self.heard_ms
            self.unclaimed_ms = 0

    def break_off(self) -> None:
        """Nobody wants what was heard, nor the rest of the speech that goes on."""
        self.claim()
        if self.is_speaking:
            self.paused(self.heard_ms)

    @property
    def has_unclaimed(self) -> bool:
        """Whether speech was heard that belongs to no turn yet."""
        since_ms = self.unclaimed_since_ms
        return since_ms is not None and since_ms < self.heard_ms

    @property
    def speech_ms(self) -> int:
        """Length of the present or last stretch of speech, without what a turn took of it."""
        end_ms = self.heard_ms if self._speech_ended_ms is None else self._speech_ended_ms
        return max(0, end_ms - self._speech_began_ms)  # it may have ended before it was taken

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

    def begins_at_ms(self, detection: TurnDetection) -> int:
        """Where the audio of a turn begins that begins now."""
        if self.unclaimed_since_ms is None or detection.mode is TurnMode.MANUAL:
            return self.untaken_from_ms(detection)
        return max(self._padded(self.unclaimed_since_ms, detection), self._kept_from_ms(detection))

    def untaken_from_ms(self, detection: TurnDetection) -> int:
        """What is heard from there on may become part of a turn that has not begun."""
        undecided_ms = UNDECIDED_MS + detection.min_speech_ms + detection.prefix_padding_ms
        from_ms = max(self.recording.from_ms, self.heard_ms - undecided_ms)
        if self.unclaimed_since_ms is not None:
            from_ms = min(from_ms, self._padded(self.unclaimed_since_ms, detection))
        return max(from_ms, self._kept_from_ms(detection))

    def has_lost_speech(self, detection: TurnDetection) -> bool:
        """Whether speech that no turn has taken began before what is kept."""
        since_ms = self.unclaimed_since_ms
        return since_ms is not None and since_ms < self._kept_from_ms(detection)

    def _kept_from_ms(self, detection: TurnDetection) -> int:
        return max(0, self.heard_ms - KEPT_TURNS * detection.max_utterance_ms)

    def _padded(self, since_ms: int, detection: TurnDetection) -> int:
        return max(self.taken_until_ms, since_ms - detection.prefix_padding_ms)
