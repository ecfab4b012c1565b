"""Time of the next request to an engine that fails."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.providers.wrappers.circuit_breaker import CircuitBreaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = CircuitBreaker(3, 1_000)
    for _ in range(2):
        breaker.failed(0)
    breaker.succeeded()
    for _ in range(2):
        breaker.failed(0)
    assert breaker.admits(0)
    breaker.failed(0)
    assert not breaker.admits(999)


def test_one_request_in_an_interval_probes() -> None:
    breaker = CircuitBreaker(1, 1_000)
    breaker.failed(0)
    admitted = [now_ms for now_ms in range(0, 3_500, 100) if breaker.admits(now_ms)]
    assert admitted == [1_000, 2_000, 3_000]


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = CircuitBreaker(1, 1_000)
    breaker.failed(0)
    assert breaker.admits(1_000)
    breaker.succeeded()
    assert breaker.admits(1_000) and breaker.admits(1_001)


def test_a_probe_that_fails_waits_for_the_next_interval() -> None:
    breaker = CircuitBreaker(1, 1_000)
    breaker.failed(0)
    assert breaker.admits(1_000)
    breaker.failed(1_500)
    assert not breaker.admits(2_400) and breaker.admits(2_500)


def test_an_engine_that_says_when_it_is_back_is_not_asked_before() -> None:
    breaker = CircuitBreaker(5, 1_000)
    breaker.failed(0, retry_after_ms=7_000)
    assert not breaker.is_open
    assert not breaker.admits(6_999) and breaker.admits(7_000)


@given(st.lists(st.integers(0, 400), max_size=60), st.integers(1, 5))
def test_an_engine_that_is_away_is_asked_once_in_an_interval(
    gaps_ms: list[int], max_failures: int
) -> None:
    breaker = CircuitBreaker(max_failures, 1_000)
    now_ms, asked = 0, []
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        if breaker.admits(now_ms):
            asked.append(now_ms)
            breaker.failed(now_ms)
    probes = asked[max_failures - 1 :]
    assert all(later - earlier >= 1_000 for earlier, later in pairwise(probes))
