"""Endpointing: the silence that ends a turn, longer for a speaker who pauses longer."""

from cedar_voice_service.session.config import TurnDetection

MARGIN = 1.5
"""Silence that ends a turn, as a multiple of the pauses that the speaker makes within turns."""

MOST = 2.0
"""Longest silence that ends a turn, as a multiple of the configured one."""

_WEIGHT = 0.4
"""Weight of the newest pause in the moving average."""


class AdaptiveEndpointing:
    """Learns the pauses of one speaker. Times are milliseconds."""

    def __init__(self) -> None:
        self._usual_pause_ms: float | None = None

    def learn(self, pause_ms: int) -> None:
        """Learn from a pause after which the speaker continued the same turn."""
        usual_ms = pause_ms if self._usual_pause_ms is None else self._usual_pause_ms
        self._usual_pause_ms = usual_ms + _WEIGHT * (pause_ms - usual_ms)

    def silence_ms(self, detection: TurnDetection) -> int:
        """Return the silence that ends a turn."""
        least_ms = detection.silence_duration_ms
        if not detection.adaptive or self._usual_pause_ms is None:
            return least_ms
        return int(min(max(least_ms, MARGIN * self._usual_pause_ms), MOST * least_ms))
