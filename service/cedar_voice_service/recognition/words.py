"""The words of a transcript: splitting, comparing and joining them."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cedar_voice_shared.text import UNSPACED, needs_space

LONGEST_OVERLAP_WORDS = 5
"""Largest number of words that two windows share where their sound overlaps."""

_PIECE = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or a character of a script without spaces, with the punctuation that touches it.

    Words are compared by `key`, which is without case, edge punctuation and variants of a letter.
    """

    text: str
    key: str
    is_spaced: bool


def split(text: str) -> tuple[Word, ...]:
    """Return the words of a text. A mark that stands alone joins the word before, or the first."""
    words: list[Word] = []
    lead, lead_is_spaced = "", False
    for piece in _PIECE.finditer(text):
        surface, key = piece.group(), _key(piece.group())
        is_spaced = piece.start() > 0 and text[piece.start() - 1].isspace()
        if key:
            spaced = lead_is_spaced if lead else is_spaced
            words.append(Word(lead + surface, key, spaced))
            lead = ""
        elif words:
            last = words[-1]
            gap = " " if is_spaced else ""
            words[-1] = Word(last.text + gap + surface, last.key, last.is_spaced)
        else:
            lead_is_spaced = lead_is_spaced if lead else is_spaced
            lead += surface
    return tuple(words)


def join(words: Iterable[Word]) -> str:
    """Return the text of the words."""
    return "".join(" " * word.is_spaced + word.text for word in words).strip()


def follow(before: Sequence[Word], words: Sequence[Word]) -> tuple[Word, ...]:
    """Return words with the space that separates them from the words before."""
    if not before or not words:
        return tuple(words)
    first = words[0]
    is_spaced = needs_space(before[-1].text, first.text)
    return (replace(first, is_spaced=is_spaced), *words[1:])


def keys(words: Iterable[Word]) -> tuple[str, ...]:
    """Return the keys of the words."""
    return tuple(word.key for word in words)


def common_count(one: Sequence[Word], other: Sequence[Word]) -> int:
    """Return the number of equal words at the beginning of two transcripts."""
    count = 0
    for mine, yours in zip(one, other, strict=False):
        if mine.key != yours.key:
            break
        count += 1
    return count


def without_overlap(before: Sequence[Word], words: Sequence[Word]) -> tuple[Word, ...]:
    """Return words without those at their beginning that repeat the end of the words before.

    The common sound may begin within a word, so one wrong word may precede the repetition.
    """
    for count in range(LONGEST_OVERLAP_WORDS, 0, -1):
        tail = keys(before[-count:])
        for torn in (0, 1):
            if len(tail) == count and keys(words[torn : torn + count]) == tail:
                return tuple(words[torn + count :])
    return tuple(words)


def keeping(certain: Sequence[Word], words: Sequence[Word]) -> tuple[Word, ...]:
    """Return words that begin with the certain ones, whatever their own beginning.

    The best alignment of both decides which words follow. Only a mark may be added to the last
    certain word.
    """
    alike = common_count(certain, words)
    at = alike + _lined_up(keys(certain[alike:]), keys(words[alike:]))
    kept = list(certain)
    if kept and at and words[at - 1].key == kept[-1].key:
        is_longer = words[at - 1].text.startswith(kept[-1].text)
        kept[-1] = replace(kept[-1], text=words[at - 1].text) if is_longer else kept[-1]
    return (*kept, *words[at:])


def _lined_up(certain: Sequence[str], words: Sequence[str]) -> int:
    """Return the number of words at the beginning that are nearest to others by edit distance.

    Of equal distances the larger number counts.
    """
    costs = list(range(len(words) + 1))
    for row, word in enumerate(certain, 1):
        before, costs[0] = costs[0], row
        for at, other in enumerate(words, 1):
            cost = min(costs[at] + 1, costs[at - 1] + 1, before + (word != other))
            before, costs[at] = costs[at], cost
    return max(range(len(costs)), key=lambda at: (-costs[at], at))


def _key(piece: str) -> str:
    folded = unicodedata.normalize("NFKC", piece).casefold()
    start, end = 0, len(folded)
    while start < end and not _counts(folded[start]):
        start += 1
    while end > start and not _counts(folded[end - 1]):
        end -= 1
    return folded[start:end]


def _counts(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNM"
