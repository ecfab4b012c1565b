"""What the model wrote for a response and called, and how much of it the client has been told."""

from cedar_voice_service.session.answer_parts import ACTION_SENT_JSON, Action, Usage
from cedar_voice_service.session.history import (
    AssistantMessage,
    CalledTool,
    HistoryItem,
    ToolOutcome,
)
from cedar_voice_service.session.pacing import on_beat

TEXT_INTERVAL_MS = 75
"""Text is told at most so often, on a beat: models write faster than anybody reads.

Less than a beat, so that what is fetched on each is told on each.
"""


class Script:
    """The text and the calls of one response. Times are clock milliseconds."""

    def __init__(self) -> None:
        self.token_count = 0
        """Tokens that the model wrote, more or less."""
        self.calls: list[CalledTool] = []
        self.is_complete = False
        self.usage: Usage | None = None
        """Tokens consumed, as far as the model told."""
        self._pieces: list[str] = []
        self._untold = ""
        self._tell_at_ms = 0

    @property
    def text(self) -> str:
        """All that was written so far."""
        return "".join(self._pieces)

    @property
    def has_begun(self) -> bool:
        """Whether anything was written."""
        return bool(self._pieces)

    @property
    def next_at_ms(self) -> int | None:
        """When there is text to be told; None while there is none."""
        return on_beat(self._tell_at_ms) if self._untold else None

    @property
    def acts(self) -> list[HistoryItem]:
        """What the conversation keeps of the calls."""
        if not self.calls:
            return []
        asked = AssistantMessage("", tool_calls=tuple(self.calls))
        return [asked, *(ToolOutcome(call.call_id, ACTION_SENT_JSON) for call in self.calls)]

    def write(self, text: str, token_count: int, *, is_told: bool) -> None:
        """Add text; `is_told` says that the client gets it piece by piece."""
        self._pieces.append(text)
        self.token_count += token_count
        if is_told:
            self._untold += text

    def call(self, call_id: str, action: Action) -> None:
        """Add a call of a tool."""
        self.calls.append(CalledTool(call_id, action.tool_name, action.arguments_json))

    def take_due(self, now_ms: int) -> str:
        """The text to be told now; empty while none is."""
        if self.next_at_ms is None or now_ms < self.next_at_ms:
            return ""
        self._tell_at_ms = now_ms + TEXT_INTERVAL_MS
        return self.take_rest()

    def take_rest(self) -> str:
        """All text that was not told yet."""
        text, self._untold = self._untold, ""
        return text
