"""The transcript of an utterance: words of closed windows, stable words and the open rest."""

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
"""Length of the transcript before a window that its recognizer receives as a prompt."""

LEAST_MORE_MS = 300
"""Sound that a hypothesis has beyond the one before, for their agreement to count."""

LEAST_SPEECH_MS = 250
"""Shortest speech that is worth a request, unless the utterance holds no more."""

MOST_CHARS_PER_S = 25
"""Letters in a second of sound that no speaker exceeds."""

MOST_REPEATS = 3
"""Repetitions of the same words in a row that are still plausible."""

_LONGEST_REPEATED_WORDS = 6
_GRACE_CHARS = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """The words that a recognizer read from the sound of a window up to `until_ms`."""

    words: tuple[Word, ...]
    confidence: float | None
    until_ms: int


@dataclass(frozen=True, slots=True)
class PartialTranscript:
    """The transcript so far: `stable_text` begins `text` and only grows.

    A settled one is the final if no more speech follows.
    """

    text: str
    stable_text: str
    is_settled: bool


class LocalAgreement:
    """The hypotheses of one window in order: words on which two in a row agree become stable.

    The last agreed word stays open: a word at the edge of the sound may be half of one. Stable
    words are never withdrawn: every hypothesis has to begin with them.
    """

    def __init__(self) -> None:
        self.stable: tuple[Word, ...] = ()
        self.tail: tuple[Word, ...] = ()
        self._last: tuple[Word, ...] | None = None
        self._last_until_ms = 0

    def add(self, words: Sequence[Word], until_ms: int, *, is_at_pause: bool) -> None:
        """Add a hypothesis about the sound of the window up to `until_ms`.

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
    """Joins the words of windows. Stable words stay, also in the final.

    A reading may contradict words on which two readings before it agreed: these words are kept, and
    the reading contributes only the words after them. So every word that was shown as stable is in
    the final, and reaches the language model.
    """

    def __init__(self) -> None:
        self._agreement = LocalAgreement()
        self._closed: tuple[Word, ...] = ()
        self._overlaps = False
        self._certainty = 0.0
        self._is_certainty_known = True

    @property
    def prompt(self) -> str:
        """End of the transcript of the closed windows."""
        text = join(self._closed)[-PROMPT_CHARS:]
        return text if len(text) < PROMPT_CHARS else text.partition(" ")[2] or text

    @property
    def has_words(self) -> bool:
        """Whether a closed window has words."""
        return bool(self._closed)

    def aligned(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """Return the words of a window as they continue the utterance, stable words first."""
        if self._overlaps:
            words = without_overlap(self._closed, words)
        return keeping(self._agreement.stable, follow(self._closed, words))

    def update(self, reading: Reading, *, is_at_pause: bool) -> PartialTranscript:
        """Add a reading of the open window; return the transcript with it."""
        self._agreement.add(reading.words, reading.until_ms, is_at_pause=is_at_pause)
        return self.partial(is_settled=False)

    def partial(self, *, is_settled: bool) -> PartialTranscript:
        """Return the transcript so far; it is settled if a reading covers all speech."""
        stable = (*self._closed, *self._agreement.stable)
        return PartialTranscript(join((*stable, *self._agreement.tail)), join(stable), is_settled)

    def close(self, reading: Reading, *, overlaps: bool) -> None:
        """Close the open window with its last reading.

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
        """Transcript of the closed windows."""
        return join(self._closed)

    @property
    def confidence(self) -> float | None:
        """Mean confidence of the closed windows by their words; None if a window has none."""
        if not self._closed or not self._is_certainty_known:
            return None
        return self._certainty / len(self._closed)


def is_plausible(words: Sequence[Word], sound_ms: int) -> bool:
    """Whether the words fit into the sound and do not repeat in a loop.

    Recognizers invent words where there is little speech.
    """
    letters = sum(len(word.key) for word in words)
    if letters > _GRACE_CHARS + MOST_CHARS_PER_S * sound_ms / 1000:
        return False
    word_keys = keys(words)
    return not any(_loops(word_keys, size) for size in range(1, _LONGEST_REPEATED_WORDS + 1))


def _loops(word_keys: Sequence[str], size: int) -> bool:
    alike = 0
    for at in range(size, len(word_keys)):
        alike = alike + 1 if word_keys[at] == word_keys[at - size] else 0
        if alike >= size * MOST_REPEATS:
            return True
    return False
