"""What is known of an utterance: the words of closed windows, and what was shown of all of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from cedar_voice_service.recognition.words import (
    Word,
    common_count,
    follow,
    join,
    keeping,
    keys,
    without_overlap,
)

PROMPT_CHARS = 200
"""How much of the words before a window its recognizer is told."""

LEAST_MORE_MS = 300
"""Sound that a hypothesis must have more than the one before, for their agreement to count."""

LEAST_SPEECH_MS = 250
"""Speech below this is too little to ask about, unless it is all that was said."""

MOST_CHARS_PER_S = 25
"""Letters in a second of sound that nobody exceeds."""

MOST_REPEATS = 3
"""How often the same words may follow each other."""

_LONGEST_REPEATED_WORDS = 6
_GRACE_CHARS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """What a recognizer made of a window's sound up to `until_ms`."""

    words: tuple[Word, ...]
    confidence: float | None
    until_ms: int


@dataclass(frozen=True, slots=True)
class PartialTranscript:
    """The utterance so far, as it may be shown: `stable_text` begins `text` and only grows.

    `is_settled` tells that it is the final, were nothing more said.
    """

    text: str
    stable_text: str
    is_settled: bool


class LocalAgreement:
    """The hypotheses of one window, one after the other.

    The last agreed word stays open: a word at the edge of the sound may be half of one. Stable
    words are never taken back: every hypothesis has to begin with them.
    """

    def __init__(self) -> None:
        self.stable: tuple[Word, ...] = ()
        self.tail: tuple[Word, ...] = ()
        self._last: tuple[Word, ...] | None = None
        self._last_until_ms = 0

    def take(self, words: Sequence[Word], until_ms: int, *, is_at_pause: bool) -> None:
        """Take a hypothesis about the window's sound up to `until_ms`.

        Args:
            is_at_pause: whether silence follows, so that no word is cut.
        """
        words = tuple(words)
        last, self._last = self._last, words
        has_more = until_ms - self._last_until_ms >= LEAST_MORE_MS
        self._last_until_ms = until_ms
        count = len(self.stable)
        if last is not None and has_more:
            count = max(count, common_count(last, words) - (not is_at_pause))
        self.stable, self.tail = words[:count], words[count:]


class WindowedTranscript:
    """Joins windows. What was shown as stable stays, in the final too.

    A reading may contradict what two before it agreed on: it is laid onto that, and so tells only
    how the window goes on. Whoever saw a word stay has it in the final, and so has the model.
    """

    def __init__(self) -> None:
        self._agreement = LocalAgreement()
        self._closed: tuple[Word, ...] = ()
        self._overlaps = False
        self._certainty = 0.0
        self._is_certainty_known = True

    @property
    def prompt(self) -> str:
        """The end of what the closed windows say."""
        text = join(self._closed)[-PROMPT_CHARS:]
        return text if len(text) < PROMPT_CHARS else text.partition(" ")[2] or text

    @property
    def has_words(self) -> bool:
        """Whether a closed window has any."""
        return bool(self._closed)

    def placed(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """A window's words as they stand in the utterance, after what was shown as stable of it."""
        if self._overlaps:
            words = without_overlap(self._closed, words)
        return keeping(self._agreement.stable, follow(self._closed, words))

    def read(self, reading: Reading, *, is_at_pause: bool) -> PartialTranscript:
        """Take a reading of the open window."""
        self._agreement.take(reading.words, reading.until_ms, is_at_pause=is_at_pause)
        return self.show(is_settled=False)

    def show(self, *, is_settled: bool) -> PartialTranscript:
        """All of it; settled where nothing is said of which nothing was read."""
        stable = (*self._closed, *self._agreement.stable)
        return PartialTranscript(join((*stable, *self._agreement.tail)), join(stable), is_settled)

    def close(self, reading: Reading, *, overlaps: bool) -> None:
        """A window's last reading stands.

        Args:
            overlaps: whether the next window begins with sound of this one.
        """
        self._closed += reading.words
        self._agreement = LocalAgreement()
        self._overlaps = overlaps
        if reading.words:
            self._is_certainty_known &= reading.confidence is not None
            self._certainty += len(reading.words) * (reading.confidence or 0.0)

    @property
    def text(self) -> str:
        """What the closed windows say."""
        return join(self._closed)

    @property
    def confidence(self) -> float | None:
        """The mean over the closed windows by their words; None if one has none."""
        if not self._closed or not self._is_certainty_known:
            return None
        return self._certainty / len(self._closed)


def is_plausible(words: Sequence[Word], sound_ms: int) -> bool:
    """Whether so much can have been said in so much sound, and makes no loop."""
    letters = sum(len(word.key) for word in words)
    if letters > _GRACE_CHARS + MOST_CHARS_PER_S * sound_ms / 1000:
        return False
    said = keys(words)
    return not any(_loops(said, size) for size in range(1, _LONGEST_REPEATED_WORDS + 1))


def _loops(said: Sequence[str], size: int) -> bool:
    alike = 0
    for at in range(size, len(said)):
        alike = alike + 1 if said[at] == said[at - size] else 0
        if alike >= size * MOST_REPEATS:
            return True
    return False
