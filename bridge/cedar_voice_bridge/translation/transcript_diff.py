"""The difference between two transcripts of a turn, for clients that append each final one. Pure.

A user who continues before the answer is audible gets another final transcript, which begins with
the one before. Such a client would show its words twice.
"""

import re
import unicodedata

import cedar_voice.v1 as pb
from cedar_voice_shared.text import UNSPACED

REPLACED_ANSWER_REASONS = frozenset(
    {pb.INTERRUPTION_REASON_TURN_REOPENED, pb.INTERRUPTION_REASON_SESSION_RESTORED}
)
"""Reasons that void an answer: its turn gets another one."""

_WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
"""A word; in a script without spaces, a character."""


def text_after(text: str, sent: str) -> str:
    """Return the part of a text after the words already sent; all of it if it begins otherwise.

    Words are compared without case, punctuation and spaces.
    """
    sent_words = [match[0].casefold() for match in _WORD.finditer(sent)]
    words = list(_WORD.finditer(text))
    if not sent_words or [word[0].casefold() for word in words[: len(sent_words)]] != sent_words:
        return text
    rest = text[words[len(sent_words)].start() :] if len(words) > len(sent_words) else ""
    return text if _begins_with_mark(rest) else rest


def _begins_with_mark(text: str) -> bool:
    """Whether the text begins with a mark, which changes the character before it."""
    return text != "" and unicodedata.category(text[0]).startswith("M")
