"""An answer begun before the user's turn is over, on what had been said at a pause.

Everything it would say is kept back. It becomes the answer only if the turn ends with the same
words, and neither the conversation nor the configuration changed in between: the context and the
tools are part of that. So no action of a draft is ever seen before the turn is final.
"""

from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as say
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.history import HistoryItem
from cedar_voice_service.session.response.response import Response
from cedar_voice_service.session.text import words_of

MAX_DRAFTS = 3
"""Drafts begun in one turn: each costs tokens if the user goes on."""


class Draft:
    """A response in the making that nobody has been told of."""

    def __init__(
        self, user_text: str, response: Response, history: tuple[HistoryItem, ...], now_ms: int
    ) -> None:
        self.response = response
        self._history = history
        self._words = words_of(user_text)
        self._messages: list[say.Message] = []
        self.response.playout.hold(now_ms, pauses=False)

    def says(self, text: str) -> bool:
        """Whether the draft answers these words."""
        return words_of(text) == self._words

    def fits(self, text: str, config: SessionConfig, history: tuple[HistoryItem, ...]) -> bool:
        """Whether it is the answer to these words in this conversation.

        Args:
            history: what came before the words.
        """
        return self.says(text) and self.response.config == config and self._history == history

    def take(self, event: on.WorkEvent, now_ms: int) -> bool:
        """Take a report of the work; False when it failed and the draft is worth nothing."""
        if isinstance(event, on.ReplyFailed | on.SpeechFailed | on.WorkFailed):
            return False
        self._messages += self.response.take(event, now_ms)
        return True

    def release(self, now_ms: int) -> list[say.Message]:
        """It is the answer: what it has said so far."""
        self.response.playout.release(now_ms)
        return [*self._messages, *self.response.due(now_ms)]
