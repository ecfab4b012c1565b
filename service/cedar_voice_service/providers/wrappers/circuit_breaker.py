"""A circuit breaker: keeps requests from an engine that fails. Pure; times are data."""


class CircuitBreaker:
    """Keeps requests from an engine that fails, all but one in an interval, which probes it.

    Args:
        max_failures: failures in a row after which it receives no more requests.
        probe_interval_ms: interval between the probes from then on.
    """

    def __init__(self, max_failures: int, probe_interval_ms: int) -> None:
        self._max_failures = max_failures
        self._probe_interval_ms = probe_interval_ms
        self._failures = 0
        self._not_before_ms = 0

    @property
    def is_open(self) -> bool:
        """Whether the engine counts as failed."""
        return self._failures >= self._max_failures

    def admits(self, now_ms: int) -> bool:
        """Whether the engine receives a request; while it counts as failed, that is the probe."""
        if now_ms < self._not_before_ms:
            return False
        if self.is_open:
            self._not_before_ms = now_ms + self._probe_interval_ms
        return True

    def succeeded(self) -> None:
        """Record a success: the engine counts as working."""
        self._failures = 0
        self._not_before_ms = 0

    def failed(self, now_ms: int, *, retry_after_ms: int = 0) -> None:
        """Record a failure; an engine that asks for a pause receives no request in it."""
        self._failures += 1
        if self.is_open:
            self._not_before_ms = now_ms + self._probe_interval_ms
        self._not_before_ms = max(self._not_before_ms, now_ms + retry_after_ms)
