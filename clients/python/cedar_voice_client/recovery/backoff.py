"""How long to wait before a broken connection is tried again. Pure."""

from collections.abc import Callable


def wait_s(
    attempt: int, *, first_s: float, max_s: float, retry_after_ms: int, draw: Callable[[], float]
) -> float:
    """Full jitter: any wait up to a bound that doubles, and never before the server's own hint.

    Args:
        attempt: 0 for the first.
        first_s: bound of the first wait.
        max_s: bound of every wait.
        retry_after_ms: what the server asked for.
        draw: a random number of 0.0 to 1.0.
    """
    bound_s = min(max_s, first_s * (1 << min(attempt, 16)))
    return max(retry_after_ms / 1000, bound_s * draw())
