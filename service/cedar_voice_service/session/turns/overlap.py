"""What speech over an answer turns out to be, by its words and its length.

A cough or an "mm-hm" lets the answer go on, words cut it, and so does speech too long for either.
"""

from dataclasses import dataclass
from enum import Enum

from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session import events as on
from cedar_voice_service.session.text import words_of
from cedar_voice_service.session.turns.speech_input import Hearing

CERTAIN_SPEECH_MS = 1_000
"""Nobody coughs or hums for this long."""

LONGEST_HOLD_MS = 2_000
"""The answer goes on after this, decided or not; words that are recognized later still cut it."""

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
"""Words that keep the other talking, also as parts of a few ("I see")."""


class Verdict(Enum):
    """What speech over an answer turns out to be."""

    OPEN = "open"
    INTERRUPTION = "interruption"
    BACKCHANNEL = "backchannel"


@dataclass(slots=True)
class BargeIn:
    """Speech over an answer that is not understood yet.

    The answer is held since `held_at_ms` by the clock; the hold may end before the matter does.
    """

    held_at_ms: int
    is_held: bool = True
    was_guessed: bool = False
    """Whether the newest partial was a guess at words that interrupt."""
    failure: CedarVoiceError | None = None
    """Why no words will be known of it."""

    @property
    def release_at_ms(self) -> int | None:
        """When the answer goes on at the latest; None when it does already."""
        return self.held_at_ms + LONGEST_HOLD_MS if self.is_held else None

    def is_due(self, now_ms: int) -> bool:
        """Whether the answer has been held for long enough."""
        return self.release_at_ms is not None and now_ms >= self.release_at_ms

    def is_certain(self, hearing: Hearing) -> bool:
        """Whether it has lasted too long for anything but an interruption."""
        return hearing.speech_ms >= CERTAIN_SPEECH_MS

    def judge(
        self, event: on.PartialTranscribed | on.FinalTranscribed, *, is_speaking: bool
    ) -> Verdict:
        """What the newest words tell; `is_speaking` says that more come in the same turn.

        A recognizer takes a hum for words now and then, and says otherwise with the next partial.
        So words that are stable, settled or final cut at once, guesses when they are two in a row:
        the answer is held meanwhile.
        """
        if isinstance(event, on.FinalTranscribed):
            return judge(event.text, is_complete=True)
        if event.is_settled:
            return judge(event.text, is_complete=not is_speaking)
        if event.stable_text:
            return judge(event.stable_text, is_complete=False)
        was_guessed = self.was_guessed
        verdict = judge(event.text, is_complete=False)
        self.was_guessed = verdict is Verdict.INTERRUPTION
        return verdict if was_guessed else Verdict.OPEN


def judge(text: str, *, is_complete: bool) -> Verdict:
    """What the words tell; `is_complete` says that they are all that was said."""
    words = words_of(text)
    if any(word not in _BACKCHANNELS for word in words):
        return Verdict.INTERRUPTION
    return Verdict.BACKCHANNEL if is_complete else Verdict.OPEN
