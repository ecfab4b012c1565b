"""What may be shown as certain of a window: words that two hypotheses in a row agree on."""

from collections.abc import Sequence

from cedar_voice_service.recognition.words import Word, common_count

LEAST_MORE_MS = 300
"""Sound that a hypothesis must have more than the one before, for their agreement to count."""


class Agreement:
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
