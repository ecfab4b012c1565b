"""Whom tokens speak for."""

import time
from typing import Any

import jwt
import pytest

from cedar_voice_shared.credentials import (
    FRESH_S,
    RETRY_S,
    STALE_S,
    CredentialRefused,
    KeySet,
    Verifier,
    check_exposure,
)
from tests.support.identities import AUDIENCE, KEY, Issuer, claims, key_set, signed
from tests.support.service import settings


class Clock:
    """A clock that a test sets."""

    def __init__(self, at_s: float = 0.0) -> None:
        self.at_s = at_s

    def __call__(self) -> float:
        return self.at_s


class Published:
    """A document that can be away, and counts who asks."""

    def __init__(self, *issuers: Issuer) -> None:
        self.document = key_set(*issuers)
        self.is_away = False
        self.reads = 0

    def __call__(self, location: str) -> bytes:
        self.reads += 1
        if self.is_away:
            raise OSError
        return self.document


def by_key(**more: Any) -> Verifier:
    """A verifier with a shared key."""
    return Verifier(settings(jwt_key=KEY, **{"jwt_audience": (AUDIENCE,), **more}))


async def principal(verifier: Verifier, token: str | None) -> str:
    """Whom a token speaks for."""
    return (await verifier.identify(token)).principal


async def test_a_token_of_the_list_speaks_for_itself() -> None:
    verifier = Verifier(settings(auth_tokens=("one", "two")))
    one, two = await principal(verifier, "one"), await principal(verifier, "two")
    assert one and two and one != two
    assert "one" not in one
    assert one == await principal(verifier, "one")


@pytest.mark.parametrize("token", [None, "three", "", "ön", "one ", "one\n", "a" * 9_000, "a.b.c"])
async def test_any_other_token_does_not(token: str | None) -> None:
    with pytest.raises(CredentialRefused):
        await Verifier(settings(auth_tokens=("one",))).identify(token)


async def test_who_asks_for_no_token_takes_what_could_be_one() -> None:
    verifier = Verifier(settings())
    assert await principal(verifier, None) == ""
    assert await principal(verifier, "whatever") != ""
    with pytest.raises(CredentialRefused):
        await verifier.identify("two words")


async def test_a_signed_token_speaks_for_its_subject() -> None:
    verifier = by_key(auth_tokens=("ann",))
    ann = await principal(verifier, signed("ann"))
    assert ann == await principal(verifier, signed("ann", jti="another"))
    assert ann != await principal(verifier, signed("bob"))
    assert ann != await principal(verifier, "ann"), "a listed token is not a subject"


async def test_the_tenant_tells_subjects_apart() -> None:
    verifier = by_key(jwt_tenant_claim="org")
    one = await principal(verifier, signed("ann", org="one"))
    assert one != await principal(verifier, signed("ann", org="two"))
    with pytest.raises(CredentialRefused):
        await verifier.identify(signed("ann"))


WRONG: dict[str, dict[str, Any]] = {
    "expired": {"exp": time.time() - 3_600},
    "not yet": {"nbf": time.time() + 3_600},
    "of the future": {"iat": time.time() + 3_600},
    "other audience": {"aud": "mail"},
    "no audience": {"aud": None},
    "no expiry": {"exp": None},
    "no issue time": {"iat": None},
    "no subject": {"sub": None},
    "blank subject": {"sub": ""},
    "subject is a number": {"sub": 7},
    "expiry is text": {"exp": "soon"},
    "expiry is infinite": {"exp": 1e300},
    "other key": {"key": KEY[::-1]},
    "other algorithm": {"algorithm": "HS512"},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_a_token_that_is_not_as_it_has_to_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(CredentialRefused):
        await by_key().identify(signed(**wrong))


async def test_the_issuer_is_checked_where_one_is_named() -> None:
    verifier = by_key(jwt_issuer="https://id.example")
    assert await principal(verifier, signed(iss="https://id.example"))
    for issuer in ("https://evil.example", None):
        with pytest.raises(CredentialRefused):
            await verifier.identify(signed(iss=issuer))


async def test_a_token_without_signature_is_refused() -> None:
    unsigned = jwt.encode(claims(), "", "none")
    for verifier in (by_key(), trusting(Issuer())):
        with pytest.raises(CredentialRefused):
            await verifier.identify(unsigned)


async def test_clocks_may_differ_by_the_leeway() -> None:
    verifier = by_key(jwt_leeway_ms=30_000)
    token = signed(exp=int(time.time()) - 10)
    left_s = verifier.remaining_s(await verifier.identify(token))
    assert left_s is not None and 0 < left_s <= 20


def trusting(*issuers: Issuer) -> Verifier:
    """A verifier with the published keys of issuers."""
    keys = KeySet("https://id.example/keys", read=Published(*issuers))
    return Verifier(settings(jwt_jwks="unread", jwt_audience=(AUDIENCE,)), keys=keys)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_published_keys_verify(algorithm: str) -> None:
    issuer = Issuer(algorithm=algorithm)
    verifier = trusting(issuer)
    assert await principal(verifier, issuer.sign("ann"))
    with pytest.raises(CredentialRefused):
        await verifier.identify(Issuer(algorithm=algorithm).sign("ann"))


async def test_a_public_key_is_no_shared_key() -> None:
    issuer = Issuer()
    forged = jwt.encode(claims(), issuer.public_key["n"], "HS256", {"kid": "one"})
    with pytest.raises(CredentialRefused):
        await trusting(issuer).identify(forged)


async def test_a_file_of_keys_is_read(tmp_path: Any) -> None:
    issuer = Issuer(algorithm="ES256")
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(issuer))
    verifier = Verifier(settings(jwt_jwks=str(path), jwt_audience=(AUDIENCE,)))
    assert await principal(verifier, issuer.sign())


async def test_a_key_that_is_not_known_is_asked_for_now_and_then() -> None:
    clock, published = Clock(), Published(Issuer("one", "ES256"))
    keys = KeySet("", read=published, clock_s=clock)
    for _ in range(3):
        assert await keys.key("two") is None
    assert published.reads == 1
    published.document = key_set(Issuer("two", "ES256"))
    clock.at_s = RETRY_S
    assert await keys.key("two") is not None
    assert published.reads == 2


async def test_keys_are_asked_for_again_and_outlive_their_issuers_absence() -> None:
    clock, published = Clock(), Published(Issuer("one", "ES256"))
    keys = KeySet("", read=published, clock_s=clock)
    assert await keys.key("one") is not None
    clock.at_s = FRESH_S - 1
    assert await keys.key("one") is not None
    assert published.reads == 1
    published.is_away = True
    clock.at_s = FRESH_S
    assert await keys.key("one") is not None
    assert published.reads == 2
    clock.at_s = STALE_S + 1
    assert await keys.key("one") is None


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys":[{"kty":"oct","k":"AAAA"}]}'])
async def test_what_is_no_key_set_opens_nothing(document: bytes) -> None:
    published = Published()
    published.document = document
    assert await KeySet("", read=published).key("one") is None


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"jwt_key": "short"}, "32 bytes"),
        ({"jwt_key": KEY, "jwt_jwks": "keys.json"}, "not both"),
        ({"jwt_jwks": "keys.json"}, "CEDAR_JWT_AUDIENCE"),
    ],
)
def test_settings_that_let_in_too_many_are_refused(wrong: dict[str, Any], what: str) -> None:
    with pytest.raises(PermissionError, match=what):
        Verifier(settings(**wrong))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]", "::1"])
def test_this_machine_needs_no_token(host: str) -> None:
    check_exposure(settings(), f"{host}:8080")
    check_exposure(settings(), "unix:/run/cedar.sock")


@pytest.mark.parametrize("host", ["0.0.0.0", "", "[::]", "10.0.0.1", "voice.example", "127.evil"])
def test_a_public_address_needs_one(host: str) -> None:
    with pytest.raises(PermissionError, match="CEDAR_AUTH_TOKENS"):
        check_exposure(settings(), f"{host}:8080")
    for guard in ({"auth_tokens": ("one",)}, {"jwt_key": KEY}, {"allow_public_without_auth": True}):
        check_exposure(settings(**guard), f"{host}:8080")
    check_exposure(settings(), f"{host}:8080", has_client_ca=True)
