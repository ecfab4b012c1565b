"""Load shedding: a process that lags leaves work out, the least needed first. Pure."""

from collections import deque
from dataclasses import dataclass

SAMPLE_INTERVAL_MS = 100
"""Time between two measurements of the lag."""

SAMPLES = 20
"""Measurements of which the lowest counts, so that one hiccup sheds nothing."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Lags of the event loop, in milliseconds, above which work is shed.

    Partial transcripts are shed first, then drafts of answers, then new sessions. Work in progress
    is never given up.
    """

    partials_ms: int
    drafts_ms: int
    sessions_ms: int


NEVER = Thresholds(*3 * (1 << 31,))


class LoadMonitor:
    """The lag of the last two seconds, compared with the thresholds."""

    def __init__(self, thresholds: Thresholds = NEVER) -> None:
        self._thresholds = thresholds
        self._lags_ms: deque[float] = deque([0.0] * SAMPLES, maxlen=SAMPLES)

    def record(self, lag_ms: float) -> None:
        """Record a measurement: the delay of a timer of the loop."""
        self._lags_ms.append(max(0.0, lag_ms))

    @property
    def lag_ms(self) -> float:
        """The lasting lag in milliseconds."""
        return min(self._lags_ms)

    @property
    def sheds_partials(self) -> bool:
        """Whether partial transcripts that nothing depends on are left out."""
        return self.lag_ms > self._thresholds.partials_ms

    @property
    def sheds_drafts(self) -> bool:
        """Whether answers are started only once the user's turn is over."""
        return self.lag_ms > self._thresholds.drafts_ms

    @property
    def refuses_sessions(self) -> bool:
        """Whether no new session is opened."""
        return self.lag_ms > self._thresholds.sessions_ms
