"""The words of a transcript: how they are written, how they are compared, how they are joined."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cedar_voice_shared.text import UNSPACED, needs_space

LONGEST_OVERLAP_WORDS = 5
"""How many words two windows may share where the sound of both holds them."""

_PIECE = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word, or a character of a script without spaces, with the punctuation that touches it.

    `key` is what it is compared by: without case, edge punctuation and ways to write a letter.
    """

    text: str
    key: str
    is_spaced: bool


def split(text: str) -> tuple[Word, ...]:
    """The words of a text. Marks that stand alone belong to the word before, or to the first."""
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
    """The text that words make."""
    return "".join(" " * word.is_spaced + word.text for word in words).strip()


def follow(before: Sequence[Word], words: Sequence[Word]) -> tuple[Word, ...]:
    """Words as they stand after others that were written apart from them."""
    if not before or not words:
        return tuple(words)
    first = words[0]
    is_spaced = needs_space(before[-1].text, first.text)
    return (replace(first, is_spaced=is_spaced), *words[1:])


def keys(words: Iterable[Word]) -> tuple[str, ...]:
    """What words are compared by."""
    return tuple(word.key for word in words)


def common_count(one: Sequence[Word], other: Sequence[Word]) -> int:
    """How many words two transcripts begin with alike."""
    count = 0
    for mine, yours in zip(one, other, strict=False):
        if mine.key != yours.key:
            break
        count += 1
    return count


def without_overlap(before: Sequence[Word], words: Sequence[Word]) -> tuple[Word, ...]:
    """Words without those at their beginning that the words before end with.

    The sound that both have may begin within a word: one that nobody said may come first.
    """
    for count in range(LONGEST_OVERLAP_WORDS, 0, -1):
        tail = keys(before[-count:])
        for torn in (0, 1):
            if len(tail) == count and keys(words[torn : torn + count]) == tail:
                return tuple(words[torn + count :])
    return tuple(words)


def keeping(certain: Sequence[Word], words: Sequence[Word]) -> tuple[Word, ...]:
    """Words that begin with those that are certain, however they began.

    What follows is what follows in the words where they line up best with what is certain. Only a
    mark may be added to the last certain word.
    """
    alike = common_count(certain, words)
    at = alike + _lined_up(keys(certain[alike:]), keys(words[alike:]))
    kept = list(certain)
    if kept and at and words[at - 1].key == kept[-1].key:
        is_longer = words[at - 1].text.startswith(kept[-1].text)
        kept[-1] = replace(kept[-1], text=words[at - 1].text) if is_longer else kept[-1]
    return (*kept, *words[at:])


def _lined_up(certain: Sequence[str], said: Sequence[str]) -> int:
    """How many words at the beginning are nearest to others by edit distance; rather more."""
    costs = list(range(len(said) + 1))
    for row, word in enumerate(certain, 1):
        before, costs[0] = costs[0], row
        for at, other in enumerate(said, 1):
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
