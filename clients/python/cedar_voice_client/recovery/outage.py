"""The policy of reconnecting: the wait before each attempt, and the end of all attempts. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from cedar_voice_client.options import Recovery
from cedar_voice_client.recovery.backoff import wait_s

STEADY_S = 10.0
"""Age of a stream that ends an outage. A younger one does not: a service may accept a stream and
break it."""

MAX_RESTORES = 3
"""Restores in a row without an event or an answered ping; the session itself may break the
service."""


@dataclass(slots=True)
class Outage:
    """A time in which the service is unreachable, or accepts no stream that lasts.

    Args:
        recovery: bounds of the waits and of the outage.
        draw: returns a random number of 0.0 to 1.0.
    """

    recovery: Recovery
    draw: Callable[[], float]
    began_at_s: float | None = None
    attempts: int = 0
    restores: int = 0

    def begin(self, now_s: float, link_age_s: float) -> None:
        """Begin an outage, or continue the present one if the stream that broke was too young."""
        if link_age_s > STEADY_S:
            self.began_at_s, self.attempts = None, 0
        if self.began_at_s is None:
            self.began_at_s = now_s

    @property
    def ends_at_s(self) -> float:
        """Time after which no attempt begins."""
        return (self.began_at_s or 0.0) + self.recovery.give_up_after_s

    def next_wait_s(self, retry_after_ms: int) -> float:
        """Count an attempt, and return the wait before it: at least as long as the server asks."""
        attempt, self.attempts = self.attempts, self.attempts + 1
        return wait_s(
            attempt,
            first_s=self.recovery.first_wait_s,
            max_s=self.recovery.max_wait_s,
            retry_after_ms=retry_after_ms,
            draw=self.draw,
        )

    @property
    def may_restore(self) -> bool:
        """Whether a session that the service has lost is opened once more."""
        return self.recovery.restore and self.restores < MAX_RESTORES

    def count_restore(self) -> None:
        """Count a restored session."""
        self.restores += 1

    def confirm_session(self) -> None:
        """Forget the restores: the session has produced an event or answered a ping."""
        self.restores = 0
