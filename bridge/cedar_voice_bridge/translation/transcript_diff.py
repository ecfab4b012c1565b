"""Differences of transcripts, for clients that add a message for every final transcription. Pure.

A user who resumes speaking before the answer is audible causes another final transcription, which
begins with the text of the previous one. Without a difference such a client shows words twice.
"""

import re

import cedar_voice.v1 as pb

REPLACED_ANSWER_REASONS = frozenset(
    {pb.INTERRUPTION_REASON_TURN_REOPENED, pb.INTERRUPTION_REASON_SESSION_RESTORED}
)
"""Reasons of an interruption after which the turn gets another answer in place of this one."""

# A word is a run of letters and digits; in scripts without spaces, one character.
_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_ENDS_UNSPACED = re.compile(rf"[{_UNSPACED}\u3000-\u303f\uff00-\uff60]\Z")
_BEGINS_UNSPACED = re.compile(rf"[{_UNSPACED}]")


def joined(before: str, after: str) -> str:
    """Join the texts of two turns, with a space between them if their scripts use spaces."""
    is_tight = _ENDS_UNSPACED.search(before) and _BEGINS_UNSPACED.match(after)
    return f"{before}{after}" if is_tight else f"{before} {after}".strip()


def text_after(text: str, beginning: str) -> str:
    """Return the part of a text after a beginning; the whole text if it begins otherwise.

    Only words are compared, regardless of case and of the characters between them.
    """
    known = [match[0].casefold() for match in _WORD.finditer(beginning)]
    words = list(_WORD.finditer(text))
    if not known or [match[0].casefold() for match in words[: len(known)]] != known:
        return text
    return text[words[len(known)].start() :] if len(words) > len(known) else ""
