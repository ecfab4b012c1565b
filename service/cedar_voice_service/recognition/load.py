"""The load of a recognizer, and the rate of partials that it allows."""

import math
from collections import deque

SLOW_MS = 2_000
"""95th percentile of the round trips from which on partials come half as often."""

CROWDED = 64
"""Requests in flight from which on partials come half as often."""

_REMEMBERED = 40
_STOP_FACTOR = 2


class RecognizerLoad:
    """The round trips of all utterances of one recognizer.

    Over a limit partials come half as often, over twice the limit not at all. Finals are never held
    back, and their round trips show the end of the load.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self._round_trips_ms: deque[float] = deque(maxlen=_REMEMBERED)

    def begin(self) -> None:
        """Record the start of a request."""
        self.in_flight += 1

    def end(self, round_trip_ms: float | None) -> None:
        """Record the end of a request: its round trip, or None if it was cancelled."""
        self.in_flight -= 1
        if round_trip_ms is not None:
            self._round_trips_ms.append(round_trip_ms)

    @property
    def step_factor(self) -> int | None:
        """Factor of the interval between partials; None while no partial is requested."""
        strain = max(self._p95_ms / SLOW_MS, self.in_flight / CROWDED)
        if strain >= _STOP_FACTOR:
            return None
        return 2 if strain >= 1 else 1

    @property
    def _p95_ms(self) -> float:
        if not self._round_trips_ms:
            return 0.0
        ranked = sorted(self._round_trips_ms)
        return ranked[math.ceil(0.95 * len(ranked)) - 1]
