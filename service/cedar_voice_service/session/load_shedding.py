"""How late the process is with everything, and what it leaves out for that. Pure."""

from collections import deque
from dataclasses import dataclass

SAMPLE_INTERVAL_MS = 100
"""How often the lag is measured."""

SAMPLES = 20
"""Lags that count: the lowest of them, so that nothing is left out because of one hiccup."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Lags of the event loop, in milliseconds, over which things are left out.

    Partial transcripts go first, then drafts of answers, then sessions that would be opened. What
    is under way is never given up.
    """

    partials_ms: int
    drafts_ms: int
    sessions_ms: int


NEVER = Thresholds(*3 * (1 << 31,))


class Pressure:
    """The lag of the last two seconds, held against the thresholds."""

    def __init__(self, thresholds: Thresholds = NEVER) -> None:
        self._thresholds = thresholds
        self._lags_ms: deque[float] = deque([0.0] * SAMPLES, maxlen=SAMPLES)

    def note(self, lag_ms: float) -> None:
        """Take a measurement: how much later than wanted the loop came to it."""
        self._lags_ms.append(max(0.0, lag_ms))

    @property
    def lag_ms(self) -> float:
        """The lag that lasts."""
        return min(self._lags_ms)

    @property
    def sheds_partials(self) -> bool:
        """Whether partial transcripts are left out that nothing depends on."""
        return self.lag_ms > self._thresholds.partials_ms

    @property
    def sheds_drafts(self) -> bool:
        """Whether answers are begun only when the user's turn is over."""
        return self.lag_ms > self._thresholds.drafts_ms

    @property
    def refuses_sessions(self) -> bool:
        """Whether no session is opened."""
        return self.lag_ms > self._thresholds.sessions_ms
