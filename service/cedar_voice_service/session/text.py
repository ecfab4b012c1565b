"""Words of any script: texts are compared, and cut after a word."""

import re
import unicodedata
from itertools import accumulate

from cedar_voice_shared.text import UNSPACED

CHAR_MS = 65
"""Time of a voice for a character, spaces included: about 160 words of English a minute."""

UNSPACED_CHAR_MS = 200
"""The same in a script without spaces: most of its characters are a syllable."""

_UNSPACED = re.compile(rf"[{UNSPACED}]")


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text in comparable form, without those of punctuation alone."""
    folded = unicodedata.normalize("NFKC", text).casefold().split()
    bare = ("".join(char for char in word if char.isalnum()) for word in folded)
    return tuple(word for word in bare if word)


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
