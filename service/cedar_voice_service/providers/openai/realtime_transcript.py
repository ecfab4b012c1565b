"""What realtime transcription has told of an utterance, item by item, as hypotheses. Pure.

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
    """The transcript of one piece: what has come of it, or all of it."""

    text: str = ""
    is_complete: bool = False


class RealtimeTranscript:
    """The words of one utterance as they come.

    The protocol never takes a delta back, but the transcript that completes an item may differ from
    its deltas. So all but the last word of what was told counts as stable, and a hypothesis that
    would contradict it is withheld: only the final may.

    Args:
        language: ISO-639-1 code of what is spoken, which tells whether words are spaced.
    """

    def __init__(self, language: str) -> None:
        self._gap = "" if language in _UNSPACED_LANGUAGES else " "
        self._items: dict[str, _Item] = {}
        self._stable = ""
        self._shown = ("", False)

    def begin(self, item_id: str) -> None:
        """An item follows the others, unless it is known already."""
        self._items.setdefault(item_id, _Item())

    def extend(self, item_id: str, delta: str) -> None:
        """An item's transcript goes on; what comes after its completion is dropped."""
        item = self._items.setdefault(item_id, _Item())
        if not item.is_complete:
            item.text += delta

    def complete(self, item_id: str, text: str) -> None:
        """An item's whole transcript."""
        self._items[item_id] = _Item(text, is_complete=True)

    @property
    def complete_count(self) -> int:
        """How many items are complete."""
        return sum(item.is_complete for item in self._items.values())

    def partial(self, *, is_settled: bool) -> Hypothesis | None:
        """What has been told so far; None where that is nothing new, or contradicts stable text.

        A settled one leaves out what is not complete: no speech was heard in it.
        """
        text = self._told(complete_only=is_settled)
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
        """What was said in the complete items; audio that was not committed held no speech."""
        return Hypothesis(self._told(complete_only=True), is_final=True)

    def _told(self, *, complete_only: bool) -> str:
        items = self._items.values()
        return self._join(item.text for item in items if item.is_complete or not complete_only)

    def _certain(self) -> str:
        """The complete items at the beginning, and all but the last word of the one after them."""
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
