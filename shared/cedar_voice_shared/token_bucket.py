"""A token bucket: a burst that may be used at once, and a rate at which it refills. Pure.

It is our own because it counts fractions and is given its clock; the libraries of the field count
whole hits in windows of the wall clock.
"""

from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds that never go back."""


class TokenBucket:
    """Refills at a rate, up to what may be taken at once.

    Args:
        per_s: the rate.
        burst: what may be taken at once.
        clock_s: a clock that never goes back.
    """

    def __init__(self, per_s: float, burst: float, clock_s: Clock) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock_s = clock_s
        self._left = burst
        self._at_s = clock_s()

    @property
    def is_full(self) -> bool:
        """Whether nothing was taken of late."""
        self._refill()
        return self._left >= self._burst

    def wait_s(self, amount: float = 1.0) -> float:
        """How many seconds from now an amount can be taken; 0.0 for at once.

        More than a burst can never be had at once: the wait is that for a full bucket.
        """
        self._refill()
        if amount <= self._left:
            return 0.0
        return (min(amount, self._burst) - self._left) / self._per_s or 1.0

    def take(self, amount: float = 1.0) -> float:
        """Take an amount; 0.0, or how many seconds from now it can be, and none taken."""
        wait_s = self.wait_s(amount)
        if not wait_s:
            self._left -= amount
        return wait_s

    def _refill(self) -> None:
        now_s = self._clock_s()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
