"""The items of a realtime transcription as hypotheses about one utterance. Pure.

An utterance is committed in pieces, and each piece becomes an item with a transcript of its own.
Several transcripts may grow at once and be completed in any order; the items stand in the order of
their commits.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cedar_voice_service.providers.protocols import Hypothesis

_UNSPACED_LANGUAGES = frozenset({"zh", "yue", "ja", "th", "lo", "km", "my"})


@dataclass(slots=True)
class _Item:
    """The transcript of one piece, complete or as far as it arrived."""

    text: str = ""
    is_complete: bool = False


class RealtimeTranscript:
    """The words of one utterance as they arrive.

    The protocol never withdraws a delta, but the transcript that completes an item may differ from
    its deltas. So all words received but the last count as stable, and a hypothesis that would
    contradict them is withheld: only the final may.

    Args:
        language: ISO-639-1 code of the speech, which decides whether words are spaced.
    """

    def __init__(self, language: str) -> None:
        self._gap = "" if language in _UNSPACED_LANGUAGES else " "
        self._items: dict[str, _Item] = {}
        self._stable = ""
        self._shown = ("", False)

    def begin(self, item_id: str) -> None:
        """Append an item, unless it is known already."""
        self._items.setdefault(item_id, _Item())

    def extend(self, item_id: str, delta: str) -> None:
        """Extend the transcript of an item; a delta after its completion is dropped."""
        item = self._items.setdefault(item_id, _Item())
        if not item.is_complete:
            item.text += delta

    def complete(self, item_id: str, text: str) -> None:
        """Replace the transcript of an item by the complete one."""
        self._items[item_id] = _Item(text, is_complete=True)

    @property
    def complete_count(self) -> int:
        """Number of complete items."""
        return sum(item.is_complete for item in self._items.values())

    def partial(self, *, is_settled: bool) -> Hypothesis | None:
        """Return the words so far; None if they are unchanged or contradict stable text.

        A settled hypothesis leaves out items that are not complete: they hold no speech.
        """
        text = self._text(complete_only=is_settled)
        if (text, is_settled) == self._shown or not text.startswith(self._stable):
            return None
        self._shown = (text, is_settled)
        certain = text if is_settled else self._certain()
        self._stable = max(self._stable, certain, key=len)
        return Hypothesis(
            text,
            is_final=False,
            stable_text=self._stable,
            is_settled=is_settled,
        )

    def final(self) -> Hypothesis:
        """Return the words of the complete items; audio that was not committed held no speech."""
        return Hypothesis(self._text(complete_only=True), is_final=True)

    def _text(self, *, complete_only: bool) -> str:
        items = self._items.values()
        return self._join(item.text for item in items if item.is_complete or not complete_only)

    def _certain(self) -> str:
        """Return the complete items at the beginning, and all but the last word of the next one."""
        texts = []
        for item in self._items.values():
            if not item.is_complete:
                text = item.text.strip()
                # A word may still grow: deltas are pieces of words.
                texts.append(text.rpartition(" ")[0] if self._gap else text)
                break
            texts.append(item.text)
        return self._join(texts)

    def _join(self, texts: Iterable[str]) -> str:
        return self._gap.join(filter(None, map(str.strip, texts)))
