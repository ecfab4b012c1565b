"""Parts of an answer, as engines produce them and as the client receives them."""

from dataclasses import dataclass
from enum import Enum

ACTION_SENT_JSON = '{"status": "sent to the application"}'
"""Result of an action for the model: the call was sent, the application does the rest."""

ACTION_REFUSED_JSON = '{"error": "not a declared tool, or arguments its schema refuses"}'
"""Result of a call that cannot become an action, for the model."""


class FinishReason(Enum):
    """Reason for the end of a response."""

    STOP = "stop"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    MAX_TOKENS = "max_tokens"
    CONTENT_FILTER = "content_filter"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens consumed by a response."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def total_tokens(self) -> int:
        """Tokens of prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Action:
    """An action for the client application, requested by a tool call of the model.

    `arguments_json` is the JSON object of the call, `args_json` a JSON array of the same arguments
    in the positional order of the setter.
    """

    action_id: str
    tool_name: str
    arguments_json: str
    state_key: str
    setter_key: str
    args_json: str


@dataclass(frozen=True, slots=True)
class SpokenChunk:
    """A chunk of encoded answer audio.

    `text` is the text whose speech starts in this chunk, empty where that of an earlier chunk
    continues. `continues` is set where the bytes continue those of the chunk before.
    """

    data: bytes
    offset_ms: int
    duration_ms: int
    text: str = ""
    continues: bool = False
