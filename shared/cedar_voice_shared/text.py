"""Texts of any script joined as the script is written, with or without a space. Pure."""

import re

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
"""Characters of scripts that put no spaces between words, as ranges of a regular expression."""

_TIGHT = re.compile(rf"[{UNSPACED}\u3000-\u303f\uff00-\uff60]")
"""The same with their punctuation, whose glyphs include their own space."""


def joined(before: str, after: str) -> str:
    """Join two texts, with a space between them unless both scripts are written without spaces."""
    before, after = before.strip(), after.strip()
    gap = " " if before and after and needs_space(before, after) else ""
    return f"{before}{gap}{after}"


def needs_space(before: str, after: str) -> bool:
    """Whether a space separates two texts, neither of them empty, when one follows the other."""
    return not (_TIGHT.match(before[-1]) and _TIGHT.match(after[0]))
