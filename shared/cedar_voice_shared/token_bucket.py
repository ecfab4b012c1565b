"""A token bucket: a burst that may be used at once, and a rate at which it refills. Pure.

It is our own because it counts fractions and is given its clock; the libraries of the field count
whole hits in windows of the wall clock.
"""

from collections.abc import Callable

Clock = Callable[[], float]
"""A monotonic clock, in seconds."""


class TokenBucket:
    """Refills at a rate, up to a burst.

    Args:
        per_s: the rate.
        burst: the largest amount that can be used at once.
        clock_s: a monotonic clock.
    """

    def __init__(self, per_s: float, burst: float, clock_s: Clock) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock_s = clock_s
        self._left = burst
        self._at_s = clock_s()

    @property
    def is_full(self) -> bool:
        """Whether the whole burst is available."""
        self._refill()
        return self._left >= self._burst

    def wait_s(self, amount: float = 1.0) -> float:
        """Return the seconds until an amount is available; 0.0 for at once.

        More than a burst is never available: the wait is then that for a full bucket.
        """
        self._refill()
        if amount <= self._left:
            return 0.0
        return (min(amount, self._burst) - self._left) / self._per_s or 1.0

    def consume(self, amount: float = 1.0) -> float:
        """Use an amount; returns 0.0, or the seconds until it is available, and uses none."""
        wait_s = self.wait_s(amount)
        if not wait_s:
            self._left -= amount
        return wait_s

    def _refill(self) -> None:
        now_s = self._clock_s()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
