"""Cuts streaming reply text into phrases worth speaking.

The first phrase is cut at the first clause, so that speech starts early; later ones are whole
sentences, because longer phrases sound better and the user has something to listen to by then.
"""

import re

FIRST_CLAUSE_CHARS = 12
"""Shortest first clause worth speaking alone."""

MAX_PHRASE_CHARS = 280
"""Text without punctuation is cut at a space before this length."""

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？]+[」』”’）]*|\n+")
_CLAUSE_END = re.compile(r"[,;:](?=\s)|\s[–—-](?=\s)|[，、；：]")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|(?:mr|mrs|ms|dr|prof|st|vs|no|approx|e\.g|i\.e))\.\Z", re.IGNORECASE
)


class PhraseCutter:
    """Cuts text into phrases while it is written.

    No character other than white space is lost or added.
    """

    def __init__(self) -> None:
        self._text = ""
        self._is_first = True

    def feed(self, text: str) -> list[str]:
        """Add text; return the phrases that it completes, stripped of outer white space."""
        self._text += text
        phrases = []
        while (end := self._next_cut()) is not None:
            phrase, self._text = self._text[:end].strip(), self._text[end:]
            if phrase:
                phrases.append(phrase)
                self._is_first = False
        return phrases

    def flush(self) -> list[str]:
        """End the text; return its last phrases."""
        phrases = self.feed("\n")
        self._is_first = True
        return phrases

    def _next_cut(self) -> int | None:
        ends = [self._sentence_end()]
        if self._is_first:
            ends.append(self._first_clause_end())
        found = [end for end in ends if end is not None]
        if found and min(found) <= MAX_PHRASE_CHARS:
            return min(found)
        if len(self._text) > MAX_PHRASE_CHARS:
            return self._forced_cut()
        return None

    def _sentence_end(self) -> int | None:
        for match in _SENTENCE_END.finditer(self._text):
            if not _ABBREVIATION.search(self._text[: match.end()]):
                return match.end()
        return None

    def _first_clause_end(self) -> int | None:
        for match in _CLAUSE_END.finditer(self._text):
            if len(self._text[: match.end()].strip()) >= FIRST_CLAUSE_CHARS:
                return match.end()
        return None

    def _forced_cut(self) -> int:
        head = self._text[:MAX_PHRASE_CHARS]
        clauses = list(_CLAUSE_END.finditer(head))
        if clauses:
            return clauses[-1].end()
        space = head.rfind(" ")
        return space if space > 0 else MAX_PHRASE_CHARS
