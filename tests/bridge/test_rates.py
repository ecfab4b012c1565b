"""How often each of many may do something."""

import pytest

from cedar_voice_bridge.rates import MAX_KEPT, Rate


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


def test_each_has_as_many_at_once_as_a_minute_brings() -> None:
    clock = Clock()
    rate = Rate(3, clock)
    assert [rate.take("ann") for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(20.0)]
    assert rate.wait_s("ann") == pytest.approx(20.0)
    assert rate.wait_s("bob") == rate.take("bob") == 0.0
    clock.at_s = 20.1
    assert rate.wait_s("ann") == rate.take("ann") == 0.0


def test_nought_is_no_limit() -> None:
    rate = Rate(0, Clock())
    assert not any(rate.take("ann") for _ in range(1_000))


def test_it_remembers_a_bounded_number_and_forgets_the_longest_idle() -> None:
    rate = Rate(1, Clock())
    for name in ("ann", "bob"):
        rate.take(name)
    for number in range(MAX_KEPT - 2):
        rate.take(number)
    rate.take("ann")
    rate.take("one more")
    assert rate.wait_s("ann") > 0
    assert rate.wait_s("bob") == 0.0
