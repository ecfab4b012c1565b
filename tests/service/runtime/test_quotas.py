"""Limits of one user."""

from heapq import heappop, heappush
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_client.options import Recovery
from cedar_voice_client.recovery.backoff import wait_s
from cedar_voice_service.errors import Code, RateLimited
from cedar_voice_service.runtime.quotas import Quota, Quotas, Rates
from cedar_voice_service.server import rates_of
from cedar_voice_shared.token_bucket import TokenBucket
from tests.support.service import settings


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


DEFAULTS = rates_of(settings().quotas)


def test_a_bucket_says_when_to_come_back() -> None:
    clock = Clock()
    bucket = TokenBucket(2.0, 3.0, clock)
    assert [bucket.consume() for _ in range(3)] == [0.0, 0.0, 0.0]
    wait_s = bucket.consume()
    assert wait_s == pytest.approx(0.5)
    clock.at_s += wait_s
    assert bucket.consume() == 0.0


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 4)), max_size=50))
def test_no_bucket_gives_more_than_its_rate_and_burst(steps: list[tuple[float, float]]) -> None:
    clock = Clock()
    bucket = TokenBucket(2.0, 3.0, clock)
    given_amount = 0.0
    for pause_s, amount in steps:
        clock.at_s += pause_s
        if bucket.consume(amount) == 0.0:
            given_amount += amount
        assert given_amount <= 3.0 + 2.0 * clock.at_s + 1e-6


def test_a_conversation_in_real_time_never_trips() -> None:
    """An hour in pieces of 20 ms, and every five minutes a minute of them sent again at once."""
    clock = Clock()
    quota = Quota(DEFAULTS, clock)
    for second in range(3_600):
        clock.at_s = float(second)
        pieces = 50 if second % 300 else 3_050
        for _ in range(pieces):
            quota.charge_message()
        quota.charge_audio(20.0 * (50 if second % 300 else 1_550))
        if second % 5 == 0:
            quota.charge_answer()


@given(st.integers(1, 4), st.integers(0, 1_000))
def test_clients_that_reconnect_with_backoff_never_trip(count: int, seed: int) -> None:
    """A user's sessions begin at once, and every stream of theirs breaks as soon as it is open."""
    clock, chance = Clock(), Random(seed)
    quota = Quota(DEFAULTS, clock)
    bounds = Recovery()
    due = [(0.0, 0, number) for number in range(count)]
    while due[0][0] < 600.0:
        clock.at_s, attempt, number = heappop(due)
        quota.charge_stream()
        pause_s = wait_s(
            attempt,
            first_s=bounds.first_wait_s,
            max_s=bounds.max_wait_s,
            retry_after_ms=0,
            draw=chance.random,
        )
        heappush(due, (clock.at_s + pause_s, attempt + 1, number))


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (Quota.charge_stream, "sessions begun or resumed"),
        (Quota.charge_message, "messages"),
        (Quota.charge_answer, "answers"),
        (lambda quota: quota.charge_audio(60_000), "s of audio"),
    ],
)
def test_too_much_is_refused_by_its_name_and_until_when(ask: object, what: str) -> None:
    assert callable(ask)
    clock = Clock()
    quota = Quota(DEFAULTS, clock)
    with pytest.raises(RateLimited, match=what) as caught:
        for _ in range(10_000):
            ask(quota)
    assert caught.value.code is Code.RATE_LIMITED
    assert caught.value.retryable
    assert 0 < caught.value.retry_after_ms < 60_000
    clock.at_s = caught.value.retry_after_ms / 1000
    ask(quota)


def test_nought_is_no_limit() -> None:
    quota = Quota(Rates())
    for _ in range(10_000):
        quota.charge_stream()
        quota.charge_message()
        quota.charge_answer()
        quota.charge_audio(60_000)
    quota.check_session(10_000, retry_after_ms=1)


def test_users_have_quotas_of_their_own_and_are_forgotten_when_nothing_is_owed() -> None:
    clock = Clock()
    quotas = Quotas(Rates(turns_per_minute=60), clock)
    spent = quotas.of("ann")
    spent.charge_answer()
    for number in range(3_000):
        quotas.of(f"user {number}")
    assert quotas.of("ann") is spent
    clock.at_s = 60.0
    for number in range(3_000, 5_000):
        quotas.of(f"user {number}")
    assert quotas.of("ann") is not spent
