"""A draft: a response started before the user's turn is over, on the words at a pause.

Its messages are withheld. It becomes the answer only if the turn ends with the same words, and
neither the conversation nor the configuration changed in between: the context and the tools are
part of that. So no action of a draft is ever seen before the turn is final.
"""

from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.history import HistoryItem
from cedar_voice_service.session.messages import Message
from cedar_voice_service.session.text import words_of

MAX_DRAFTS = 3
"""Drafts started in one turn: each costs tokens if the user continues."""


class Draft:
    """The words, configuration and history that a draft answers, and its withheld messages.

    Args:
        user_text: text of the turn so far.
        config: configuration that the response is made with.
        history: conversation before the turn.
    """

    def __init__(
        self, user_text: str, config: SessionConfig, history: tuple[HistoryItem, ...]
    ) -> None:
        self._words = words_of(user_text)
        self._config = config
        self._history = history
        self._messages: list[Message] = []

    def answers(self, text: str) -> bool:
        """Whether the draft answers these words."""
        return words_of(text) == self._words

    def fits(self, text: str, config: SessionConfig, history: tuple[HistoryItem, ...]) -> bool:
        """Whether the draft answers these words with this configuration and history before them."""
        return self.answers(text) and self._config == config and self._history == history

    def withhold(self, messages: list[Message]) -> None:
        """Keep messages until the draft becomes the answer."""
        self._messages += messages

    def release(self) -> list[Message]:
        """Return the withheld messages, in order."""
        return self._messages
