"""Streams whose token expires: told before, and going on with a fresh one; in virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cedar_voice_service.errors import CallerError, CedarVoiceError, Code
from cedar_voice_service.runtime.delivery import Attachment, TokenExpiring
from cedar_voice_service.session.resume.outbox import Outbox
from cedar_voice_service.token_expiry import TokenExpiry
from cedar_voice_shared.credentials import NOTICE_S, Verifier
from tests.support.identities import AUDIENCE, KEY, signed
from tests.support.service import settings
from tests.support.virtual_time import run_virtually


def token(lives_s: float, user: str = "ann") -> str:
    """A token that expires so long after the beginning of virtual time."""
    return signed(user, iat=0, exp=lives_s)


def told(
    lives_s: float, meanwhile: Callable[[TokenExpiry], Awaitable[None]] | None = None
) -> tuple[list[tuple[float, int]], float, CedarVoiceError]:
    """When a stream is told how much time is left, in milliseconds; when it ends, and why.

    Args:
        lives_s: of the token that it is opened with.
        meanwhile: what is done whenever it has been told.
    """

    async def live() -> tuple[list[tuple[float, int]], float, CedarVoiceError]:
        loop = asyncio.get_running_loop()
        verifier = Verifier(
            settings(jwt_key=KEY, jwt_audience=(AUDIENCE,), jwt_leeway_ms=0), clock_s=loop.time
        )
        attachment = Attachment(Outbox(1_000), [])
        notices: list[tuple[float, int]] = []
        identity = await verifier.identify(token(lives_s))
        with TokenExpiry(verifier, identity, attachment) as expiry:
            try:
                while isinstance(notice := await attachment.next(), TokenExpiring):
                    notices.append((loop.time(), notice.time_left_ms))
                    if meanwhile is not None:
                        await meanwhile(expiry)
            except CedarVoiceError as error:
                return notices, loop.time(), error
        raise AssertionError("it ends with an error")

    return run_virtually(live())


def test_it_is_told_a_minute_before_it_expires() -> None:
    notices, ended_at_s, error = told(3_600)
    assert notices == [(3_600 - NOTICE_S, 1000 * NOTICE_S)]
    assert ended_at_s == 3_600
    assert error.code is Code.UNAUTHENTICATED and error.retryable


def test_one_that_lives_for_a_moment_is_told_halfway() -> None:
    assert told(10)[0] == [(5, 5_000)]


def test_a_fresh_token_puts_it_off_and_is_told_of_too() -> None:
    fresh = iter([token(200), token(1_000)])

    async def renew(expiry: TokenExpiry) -> None:
        await expiry.renew(next(fresh, token(1_000)))

    notices, ended_at_s, _ = told(100, renew)
    assert notices == [(50, 50_000), (140, 60_000), (940, 60_000)]
    assert ended_at_s == 1_000


@pytest.mark.parametrize("lives_s", [99, 100])
def test_one_that_lasts_no_longer_is_none(lives_s: float) -> None:
    async def renew(expiry: TokenExpiry) -> None:
        await expiry.renew(token(lives_s))

    notices, ended_at_s, _ = told(100, renew)
    assert (len(notices), ended_at_s) == (1, 100)


@pytest.mark.parametrize("wrong", ["", "wrong", token(1), token(1_000, "bob")])
def test_one_that_is_wrong_is_refused_and_changes_nothing(wrong: str) -> None:
    async def renew(expiry: TokenExpiry) -> None:
        with pytest.raises(CallerError) as refused:
            await expiry.renew(wrong)
        assert refused.value.code is Code.UNAUTHENTICATED

    assert told(100, renew)[1] == 100
