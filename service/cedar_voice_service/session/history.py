"""The conversation so far, as the language model receives it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UserMessage:
    """Text that the user spoke or typed."""

    text: str


@dataclass(frozen=True, slots=True)
class CalledTool:
    """A tool call of the model; `arguments_json` is a JSON object as text."""

    call_id: str
    name: str
    arguments_json: str


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """An answer, as far as the user heard it, and its tool calls."""

    text: str
    tool_calls: tuple[CalledTool, ...] = ()
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """Result of a tool call; `output_json` is any JSON value as text."""

    call_id: str
    output_json: str


HistoryItem = UserMessage | AssistantMessage | ToolOutcome


class History:
    """Keeps the newest items, at most `max_items`."""

    def __init__(self, max_items: int) -> None:
        self._max_items = max_items
        self._items: list[HistoryItem] = []

    def add(self, *items: HistoryItem) -> None:
        """Append items that belong together."""
        self._items.extend(items)
        self._forget()

    @property
    def items(self) -> tuple[HistoryItem, ...]:
        """The conversation, oldest first."""
        return tuple(self._items)

    def retract_user_message(self) -> None:
        """Remove the newest item, a user message that the user continues."""
        if self._items and isinstance(self._items[-1], UserMessage):
            del self._items[-1]

    def replace(self, before: Sequence[HistoryItem], after: Sequence[HistoryItem]) -> None:
        """Replace the newest occurrence of the items `before`, if it is still kept."""
        count = len(before)
        for start in range(len(self._items) - count, -1, -1):
            if before and self._items[start : start + count] == list(before):
                self._items[start : start + count] = after
                return

    def _forget(self) -> None:
        surplus = len(self._items) - self._max_items
        if surplus <= 0:
            return
        del self._items[:surplus]
        # The rest starts with the user: language models reject the result of a tool call that
        # is missing.
        while self._items and not isinstance(self._items[0], UserMessage):
            del self._items[0]
