"""State that both sides of a session share, and the commands of the event being processed."""

from cedar_voice_service.errors import CedarVoiceError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.config import SessionConfig, TurnDetection, TurnMode
from cedar_voice_service.session.config_patch import ConfigPatch
from cedar_voice_service.session.history import History
from cedar_voice_service.session.turns.pending_requests import PendingRequests


class SessionContext:
    """Configuration, history, pending requests, clock and numbers of a session.

    Args:
        config: configuration of the session as opened.
        max_history_items: conversation items kept for the model.
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
        self.requests = PendingRequests()
        self._failed_stage: Stage | None = None
        self._last_work_id = 0
        self._commands: list[do.Command] = []

    @property
    def detection(self) -> TurnDetection:
        """Turn detection in force."""
        return self.config.turn_detection

    @property
    def is_manual(self) -> bool:
        """Whether the client delimits turns."""
        return self.config.turn_detection.mode is TurnMode.MANUAL

    def set_clock(self, now_ms: int) -> None:
        """Set the time of the event being processed."""
        self.now_ms = now_ms

    def configure(self, patch: ConfigPatch) -> None:
        """Change the configuration."""
        self.config = self.config.patched(patch)

    def restore(self, last_turn_id: int, last_response_id: int) -> None:
        """Continue the numbers of an earlier session."""
        self.last_turn_id, self.last_response_id = last_turn_id, last_response_id

    def record_turn(self, turn_id: int) -> None:
        """Make a turn the newest."""
        self.last_turn_id = turn_id

    def record_response(self, response_id: int) -> None:
        """Make a response the newest: an answer begins, so no failure is left to apologize for."""
        self.last_response_id = response_id
        self._failed_stage = None

    def record_failure(self, stage: Stage) -> None:
        """Record a failure of a turn that the user may get an apology for."""
        self._failed_stage = stage

    def pop_failure(self) -> Stage | None:
        """Remove and return the stage that failed last without an apology; None for none."""
        stage, self._failed_stage = self._failed_stage, None
        return stage

    def next_work_id(self) -> int:
        """Return a number for a piece of work."""
        self._last_work_id += 1
        return self._last_work_id

    def emit(self, *commands: do.Command) -> None:
        """Add commands for the shell."""
        self._commands += commands

    def send(self, turn_id: int, *messages: msg.Message) -> None:
        """Send messages of a turn to the client; `turn_id` is 0 for none."""
        self._commands += [do.Send(message, turn_id) for message in messages]

    def reject(self, error: CedarVoiceError, client_sequence: int = 0) -> None:
        """Send the error of a client message that cannot be processed."""
        self.send(0, msg.Error(error, client_sequence))

    def take_commands(self) -> list[do.Command]:
        """Remove and return the commands of the event, in order."""
        commands, self._commands = self._commands, []
        return commands
