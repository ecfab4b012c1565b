"""Rate limits of many clients."""

from heapq import heappop, heappush
from random import Random

import pytest

from cedar_voice_bridge.auth.rate_limit import MAX_KEPT, RateLimiter
from cedar_voice_bridge.settings import BridgeSettings


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


def test_each_has_as_many_at_once_as_a_minute_brings() -> None:
    clock = Clock()
    rate = RateLimiter(3, clock)
    assert [rate.count("ann") for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(20.0)]
    assert rate.wait_s("ann") == pytest.approx(20.0)
    assert rate.wait_s("bob") == rate.count("bob") == 0.0
    clock.at_s = 20.1
    assert rate.wait_s("ann") == rate.count("ann") == 0.0


def test_pages_that_reconnect_with_backoff_never_trip() -> None:
    """Five pages of a user whose sockets never open: 0.5 s at first, 8 s at last, jittered."""
    clock, chance = Clock(), Random(1)
    rate = RateLimiter(BridgeSettings().access.principal_tickets_per_minute, clock)
    due = [(0.0, 0, page) for page in range(5)]
    while due[0][0] < 3_600.0:
        clock.at_s, attempt, page = heappop(due)
        assert rate.count("ann") == 0.0
        pause_s = min(8.0, 0.5 * 2**attempt) * chance.uniform(0.5, 1.0)
        heappush(due, (clock.at_s + pause_s, attempt + 1, page))


def test_nought_is_no_limit() -> None:
    rate = RateLimiter(0, Clock())
    assert not any(rate.count("ann") for _ in range(1_000))


def test_it_remembers_a_bounded_number_and_forgets_the_longest_idle() -> None:
    rate = RateLimiter(1, Clock())
    for name in ("ann", "bob"):
        rate.count(name)
    for number in range(MAX_KEPT - 2):
        rate.count(number)
    rate.count("ann")
    rate.count("one more")
    assert rate.wait_s("ann") > 0
    assert rate.wait_s("bob") == 0.0
