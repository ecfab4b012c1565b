"""The text that the model wrote for a response, its tool calls, and the part not sent yet."""

from cedar_voice_service.session.answer_parts import ACTION_SENT_JSON, Action, Usage
from cedar_voice_service.session.history import (
    AssistantMessage,
    CalledTool,
    HistoryItem,
    ToolOutcome,
)
from cedar_voice_service.session.pacing import on_beat

TEXT_INTERVAL_MS = 75
"""Shortest time between two pieces of text sent: models write faster than anybody reads.

Less than a beat, so that text fetched on each beat is sent on each.
"""


class ResponseText:
    """The text and the tool calls of one response. Times are clock milliseconds."""

    def __init__(self) -> None:
        self.token_count = 0
        """Tokens that the model wrote, approximately."""
        self.calls: list[CalledTool] = []
        self.is_complete = False
        self.usage: Usage | None = None
        """Tokens consumed, as reported by the model; None without a report."""
        self._pieces: list[str] = []
        self._unsent = ""
        self._next_at_ms = 0

    @property
    def text(self) -> str:
        """All text so far."""
        return "".join(self._pieces)

    @property
    def has_begun(self) -> bool:
        """Whether there is any text."""
        return bool(self._pieces)

    @property
    def next_at_ms(self) -> int | None:
        """Time to send text; None while none waits."""
        return on_beat(self._next_at_ms) if self._unsent else None

    @property
    def history_items(self) -> list[HistoryItem]:
        """The tool calls as the conversation keeps them, with their outcomes."""
        if not self.calls:
            return []
        asked = AssistantMessage("", tool_calls=tuple(self.calls))
        return [asked, *(ToolOutcome(call.call_id, ACTION_SENT_JSON) for call in self.calls)]

    def write(self, text: str, token_count: int, *, is_streamed: bool) -> None:
        """Append text; `is_streamed` is set where the client receives it piece by piece."""
        self._pieces.append(text)
        self.token_count += token_count
        if is_streamed:
            self._unsent += text

    def call(self, call_id: str, action: Action) -> None:
        """Add a tool call."""
        self.calls.append(CalledTool(call_id, action.tool_name, action.arguments_json))

    def complete(self, usage: Usage | None) -> None:
        """Mark the text as complete."""
        self.is_complete = True
        self.usage = usage

    def pop_due(self, now_ms: int) -> str:
        """Remove and return the text to be sent now; empty while none is due."""
        if self.next_at_ms is None or now_ms < self.next_at_ms:
            return ""
        self._next_at_ms = now_ms + TEXT_INTERVAL_MS
        return self.pop_rest()

    def pop_rest(self) -> str:
        """Remove and return all text not sent yet."""
        text, self._unsent = self._unsent, ""
        return text
