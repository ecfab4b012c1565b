"""Words of any script: how texts are compared, joined, and cut after a word."""

import re
import unicodedata
from itertools import accumulate

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
"""Characters of scripts that put no spaces between words, as ranges of a regular expression."""

CHAR_MS = 65
"""How long a voice takes for a character, spaces included: about 160 words of English a minute."""

UNSPACED_CHAR_MS = 200
"""The same in a script without spaces: most of its characters are a syllable."""

_UNSPACED = re.compile(rf"[{UNSPACED}]")
_TIGHT = re.compile(rf"[{UNSPACED}\u3000-\u303f\uff00-\uff60]")
"""The same, with their punctuation, which has its own space."""


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in comparable form; those of punctuation alone are left out."""
    folded = unicodedata.normalize("NFKC", text).casefold().split()
    bare = ("".join(char for char in word if char.isalnum()) for word in folded)
    return tuple(word for word in bare if word)


def joined(before: str, after: str) -> str:
    """One text after the other, with a space between them where their scripts have spaces."""
    before, after = before.strip(), after.strip()
    if not before or not after:
        return before or after
    is_tight = _TIGHT.match(before[-1]) and _TIGHT.match(after[0])
    return f"{before}{after}" if is_tight else f"{before} {after}"


def first_words(text: str, max_chars: int) -> str:
    """As much of the beginning of a text as ends with a whole word, or with a whole character in a
    script without spaces.
    """
    end = min(max_chars, len(text))
    while end > 0 and not _may_end(text, end):
        end -= 1
    return text[:end].rstrip()


def spoken_within(text: str, duration_ms: int) -> str:
    """As much of a text as a voice of usual pace says in this time, in whole words; an estimate."""
    costs = accumulate(UNSPACED_CHAR_MS if _UNSPACED.match(char) else CHAR_MS for char in text)
    return first_words(text, sum(1 for spoken_ms in costs if spoken_ms <= duration_ms))


def _may_end(text: str, at: int) -> bool:
    if at == len(text):
        return True
    before, after = text[at - 1], text[at]
    if before.isspace() or after.isspace():
        return True
    is_mark = unicodedata.category(after).startswith("M")  # it is written onto the one before
    return not is_mark and bool(_UNSPACED.match(before) or _UNSPACED.match(after))
