"""The wait for a user who says nothing."""

from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.turns.context import SessionContext


class NoInputTimer:
    """Reports once that the user says nothing while the session waits for input."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._since_ms: int | None = None
        self._is_reported = False

    @property
    def deadline_ms(self) -> int | None:
        """Clock time at which silence is reported; None while it is not."""
        timeout_ms = self._context.detection.no_input_timeout_ms
        if not timeout_ms or self._since_ms is None or self._is_reported:
            return None
        return self._since_ms + timeout_ms

    def update(self, *, is_waiting: bool) -> None:
        """Start or stop the timer: whether the session waits for the user."""
        if not is_waiting:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms, self._is_reported = self._context.now_ms, False

    def on_deadline(self, heard_ms: int) -> None:
        """Report silence that has lasted; `heard_ms` is the end of the input audio."""
        if self.deadline_ms is not None and self._context.now_ms >= self.deadline_ms:
            self._is_reported = True
            self._context.send(0, msg.SpeechActivity(msg.SpeechKind.NO_INPUT, heard_ms))
