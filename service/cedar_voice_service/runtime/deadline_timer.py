"""When the clock is to be looked at."""

import asyncio
from collections.abc import Callable


class DeadlineTimer:
    """Rings at a time that may be moved.

    Deadlines move with every event, nearly always to later: the timer stays, and looks again.

    Args:
        ring: called when it is time; the alarm is to be set again then.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._due_ms: int | None = None
        self._looks_at_ms = 0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, due_ms: int | None) -> None:
        """Ring at this time of `clock_ms`, and not at the one set before; None for never."""
        self._due_ms = due_ms
        if self._timer is not None and (due_ms is None or due_ms < self._looks_at_ms):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and due_ms is not None:
            self._looks_at_ms = due_ms
            self._timer = asyncio.get_running_loop().call_at(due_ms / 1000, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._due_ms is None:
            return
        if clock_ms() < self._due_ms:
            self.set(self._due_ms)
        else:
            self._ring()


def clock_ms() -> int:
    """The loop's clock; rounded, since a timer fires as much as its resolution before its time."""
    return round(asyncio.get_running_loop().time() * 1000)
