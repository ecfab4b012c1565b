"""Waits before the attempts to reconnect. Pure."""

from collections.abc import Callable


def wait_s(
    attempt: int, *, first_s: float, max_s: float, retry_after_ms: int, draw: Callable[[], float]
) -> float:
    """Return a random wait up to a bound that doubles (full jitter), at least the server's hint.

    Args:
        attempt: number of the attempt, from 0.
        first_s: bound of the first wait.
        max_s: bound of every wait.
        retry_after_ms: the shortest wait that the server asks for; 0 for none.
        draw: returns a random number of 0.0 to 1.0.
    """
    bound_s = min(max_s, first_s * (1 << min(attempt, 16)))
    return max(retry_after_ms / 1000, bound_s * draw())
