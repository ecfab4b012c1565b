"""How long the session waits for a user who says nothing, and when that is told."""

from cedar_voice_service.session import messages as say
from cedar_voice_service.session.turns.context import Conversation


class Silence:
    """The silence since the session began to wait for the user, told once."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._since_ms: int | None = None
        self._is_told = False

    @property
    def deadline_ms(self) -> int | None:
        """When the clock is to be looked at."""
        timeout_ms = self._conversation.config.turn_detection.no_input_timeout_ms
        if not timeout_ms or self._since_ms is None or self._is_told:
            return None
        return self._since_ms + timeout_ms

    def note(self, *, is_waiting: bool) -> None:
        """Whether the session waits for the user."""
        if not is_waiting:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms, self._is_told = self._conversation.now_ms, False

    def look_at_clock(self, heard_ms: int) -> None:
        """Tell a silence that has lasted; `heard_ms` is how far input audio was heard."""
        if self.deadline_ms is not None and self._conversation.now_ms >= self.deadline_ms:
            self._is_told = True
            self._conversation.say(0, say.SpeechActivity(say.SpeechKind.NO_INPUT, heard_ms))
