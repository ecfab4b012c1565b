"""What both sides of a session share, and what the event being handled makes them do."""

from cedar_voice_service.errors import CedarVoiceError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import messages as say
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.history import History
from cedar_voice_service.session.turns.pending_requests import Wishes


class Conversation:
    """Configuration, history, wishes, clock and numbers, and the commands that an event leads to.

    Args:
        config: as opened.
        max_history_items: conversation kept for the model.
        stage_timeout_ms: longest wait for the next sign of life of an engine.
    """

    def __init__(
        self, config: SessionConfig, *, max_history_items: int, stage_timeout_ms: int
    ) -> None:
        self.config = config
        self.history = History(max_history_items)
        self.stage_timeout_ms = stage_timeout_ms
        self.now_ms = 0
        self.last_turn_id = 0
        self.last_response_id = 0
        self.wishes = Wishes()
        self.failed_stage: Stage | None = None
        """The stage whose failure the user has not been told of in words."""
        self._last_work_id = 0
        self._commands: list[do.Command] = []

    def next_work_id(self) -> int:
        """A number for a piece of work."""
        self._last_work_id += 1
        return self._last_work_id

    def order(self, *commands: do.Command) -> None:
        """Have something done."""
        self._commands += commands

    def say(self, turn_id: int, *messages: say.Message) -> None:
        """Say something of a turn, 0 for none."""
        self._commands += [do.Send(message, turn_id) for message in messages]

    def refuse(self, error: CedarVoiceError, client_sequence: int = 0) -> None:
        """Say that something the caller sent cannot be taken."""
        self.say(0, say.Failed(error, client_sequence))

    def take_commands(self) -> list[do.Command]:
        """What is to be done, in order; it is taken once."""
        commands, self._commands = self._commands, []
        return commands
