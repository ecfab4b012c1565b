"""A timer for deadlines that move with every event."""

import asyncio
from collections.abc import Callable


class DeadlineTimer:
    """Calls back at a time that may be moved.

    Deadlines move with every event, nearly always to later: the loop's timer stays, and is set
    again where it fires before the deadline.

    Args:
        on_due: called at the deadline; sets the next one.
    """

    def __init__(self, on_due: Callable[[], None]) -> None:
        self._on_due = on_due
        self._due_ms: int | None = None
        self._fires_at_ms = 0
        self._timer: asyncio.TimerHandle | None = None

    def set(self, due_ms: int | None) -> None:
        """Set the deadline, a time of `clock_ms`, in place of the one before; None is never."""
        self._due_ms = due_ms
        if self._timer is not None and (due_ms is None or due_ms < self._fires_at_ms):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and due_ms is not None:
            self._fires_at_ms = due_ms
            self._timer = asyncio.get_running_loop().call_at(due_ms / 1000, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._due_ms is None:
            return
        if clock_ms() < self._due_ms:
            self.set(self._due_ms)
        else:
            self._on_due()


def clock_ms() -> int:
    """Return the loop's time, rounded, since timers fire up to the clock's resolution early."""
    return round(asyncio.get_running_loop().time() * 1000)
