"""How busy a recognizer is, and what is left out when it is too busy."""

import math
from collections import deque

SLOW_MS = 2_000
"""Round trip, 95th percentile, from which partials come half as often."""

CROWDED = 64
"""Requests in flight from which partials come half as often."""

_REMEMBERED = 40
_STOP_FACTOR = 2


class RecognizerLoad:
    """The round trips of all utterances of one recognizer.

    Partials come half as often over a limit, and not at all over twice of it. Finals are never
    held back, and their round trips tell when the load is over.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self._round_trips_ms: deque[float] = deque(maxlen=_REMEMBERED)

    def begin(self) -> None:
        """A request was made."""
        self.in_flight += 1

    def end(self, round_trip_ms: float | None) -> None:
        """A request is over: answered after so long, or None if it was given up."""
        self.in_flight -= 1
        if round_trip_ms is not None:
            self._round_trips_ms.append(round_trip_ms)

    @property
    def step_factor(self) -> int | None:
        """By how much partials are spread; None while there are none."""
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
