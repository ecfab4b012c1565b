"""What a user has said, for clients that add a message for every final transcription. Pure.

A user who goes on speaking before the answer is heard gets another final transcription, which
begins with the one before. Such a client would show its words twice.
"""

import re

import cedar_voice.v1 as pb

REPLACED_ANSWER_REASONS = frozenset(
    {pb.INTERRUPTION_REASON_TURN_REOPENED, pb.INTERRUPTION_REASON_SESSION_RESTORED}
)
"""Why an answer is cut off as if it had never been: its turn gets another one."""

# A word; of scripts that are written without spaces, a sign.
_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_ENDS_UNSPACED = re.compile(rf"[{_UNSPACED}\u3000-\u303f\uff00-\uff60]\Z")
_BEGINS_UNSPACED = re.compile(rf"[{_UNSPACED}]")


def joined(before: str, after: str) -> str:
    """What was said in two turns, with a space between them where their scripts have spaces."""
    is_tight = _ENDS_UNSPACED.search(before) and _BEGINS_UNSPACED.match(after)
    return f"{before}{after}" if is_tight else f"{before} {after}".strip()


def text_after(text: str, told: str) -> str:
    """What a text adds to the beginning that has been told; all of it, when it begins otherwise.

    Words are compared, whatever their case and what stands between them.
    """
    told_words = [match[0].casefold() for match in _WORD.finditer(told)]
    words = list(_WORD.finditer(text))
    if [match[0].casefold() for match in words[: len(told_words)]] != told_words:
        return text
    if not told_words:
        return text
    return text[words[len(told_words)].start() :] if len(words) > len(told_words) else ""
