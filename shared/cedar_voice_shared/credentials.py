"""Identities of bearer tokens: a token of a list, or a JWT signed by a known key."""

import asyncio
import hashlib
import hmac
import json
import re
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import jwt
import structlog

from cedar_voice_shared.settings import ProcessSettings

log = structlog.get_logger("cedar_voice.credentials")

MIN_KEY_BYTES = 32
"""Shortest key for HS256: the length of its hash (RFC 7518, 3.2)."""

NOTICE_S = 60.0
"""Time before its expiry at which a token should be renewed."""

FRESH_S = 600.0
"""Time for which fetched keys are used without another request."""

STALE_S = 86_400.0
"""Time for which keys are used while they cannot be fetched again."""

RETRY_S = 30.0
"""Shortest time between two requests for keys, however many tokens name an unknown one."""

FETCH_TIMEOUT_S = 5.0
MAX_KEY_SET_BYTES = 1 << 20

_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
_LOCAL = re.compile(r"(unix:.*|((localhost|127(\.\d{1,3}){3}|\[?::1\]?):\d+))")


class CredentialRefused(Exception):
    """A token is not accepted; `str()` is the reason and holds nothing of the token."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller that a token identifies.

    `principal` distinguishes callers and is no secret; `expires_at_s` is Unix time, None for an
    identity that never expires.
    """

    principal: str
    expires_at_s: float | None = None

    def outlasts(self, other: "Identity") -> bool:
        """Whether this identity expires later than the other."""
        if other.expires_at_s is None:
            return False
        return self.expires_at_s is None or self.expires_at_s > other.expires_at_s


def check_exposure(settings: ProcessSettings, address: str, *, has_client_ca: bool = False) -> None:
    """Refuse to accept every caller at a public address, unless the settings allow it.

    Raises:
        PermissionError: other machines can reach the address, and no caller needs a token.
    """
    is_guarded = has_client_ca or bool(
        settings.auth_tokens or settings.jwt_key.get_secret_value() or settings.jwt_jwks
    )
    if is_guarded or settings.allow_public_without_auth or _LOCAL.fullmatch(address.lower()):
        return
    raise PermissionError(
        f"{address} can be reached from other machines and no token is required: set "
        "CEDAR_AUTH_TOKENS, CEDAR_JWT_KEY or CEDAR_JWT_JWKS, or listen on 127.0.0.1, or accept "
        "every caller with CEDAR_ALLOW_PUBLIC_WITHOUT_AUTH=true"
    )


def _read(location: str) -> bytes:
    """Read a file or an address; blocks."""
    if not location.startswith(("http://", "https://")):
        return Path(location).read_bytes()
    with urllib.request.urlopen(location, timeout=FETCH_TIMEOUT_S) as answer:
        document: bytes = answer.read(MAX_KEY_SET_BYTES + 1)
    if len(document) > MAX_KEY_SET_BYTES:
        raise ValueError("the key set is too large")
    return document


class KeySet:
    """The public keys of an issuer, a JSON Web Key Set, by their ids.

    Args:
        location: path or URL of the set.
        read: reads the set; runs in a thread.
        clock_s: a monotonic clock.
    """

    def __init__(
        self,
        location: str,
        *,
        read: Callable[[str], bytes] = _read,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._location = location
        self._read = read
        self._clock_s = clock_s
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at_s = float("-inf")
        self._asked_at_s = float("-inf")
        self._is_asking = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key of an id; None if no trusted key has it, or the keys are out of date."""
        if self._is_due(key_id):
            async with self._is_asking:
                if self._is_due(key_id):
                    await self._fetch()
        if self._clock_s() - self._fetched_at_s > STALE_S:
            return None
        return self._keys.get(key_id)

    def _is_due(self, key_id: str) -> bool:
        now_s = self._clock_s()
        is_wanted = key_id not in self._keys or now_s - self._fetched_at_s >= FRESH_S
        return is_wanted and now_s - self._asked_at_s >= RETRY_S

    async def _fetch(self) -> None:
        self._asked_at_s = self._clock_s()
        try:
            async with asyncio.timeout(2 * FETCH_TIMEOUT_S):
                document = await asyncio.to_thread(self._read, self._location)
            keys = jwt.PyJWKSet.from_dict(json.loads(document)).keys
        except (OSError, ValueError, AttributeError, TypeError, jwt.PyJWTError) as error:
            log.warning("keys not fetched", kind=type(error).__name__)
            return
        self._keys = {key.key_id or "": key for key in keys if key.key_type in ("RSA", "EC")}
        self._fetched_at_s = self._clock_s()


class Verifier:
    """Identifies callers by their tokens. Without tokens and keys in the settings none is needed.

    Args:
        settings: the tokens and keys, and the claims that a JWT needs.
        keys: keys of the issuer, in place of those that the settings name.
        clock_s: Unix time.

    Raises:
        PermissionError: the settings would accept callers that they should not.
    """

    def __init__(
        self,
        settings: ProcessSettings,
        *,
        keys: KeySet | None = None,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        self._tokens = [token.get_secret_value() for token in settings.auth_tokens]
        self._secret = settings.jwt_key.get_secret_value()
        self._keys = keys or (KeySet(settings.jwt_jwks) if settings.jwt_jwks else None)
        self._settings = settings
        self._clock_s = clock_s
        self._check()

    @property
    def needs_token(self) -> bool:
        """Whether a caller needs a token."""
        return bool(self._tokens or self._secret or self._keys)

    async def identify(self, token: str | None) -> Identity:
        """Return the identity of a token; without tokens and keys of ours, any token has one.

        Raises:
            CredentialRefused: the token is missing, wrong or expired.
        """
        if token is not None and not _TOKEN.fullmatch(token):
            raise CredentialRefused("the token is missing or wrong")
        if not self.needs_token:
            return Identity(_digest("token", token) if token else "")
        if token is None:
            raise CredentialRefused("the token is missing or wrong")
        given = token.encode()
        if any(hmac.compare_digest(given, known.encode()) for known in self._tokens):
            return Identity(_digest("token", token))
        try:
            return await self._claimed(token)
        except jwt.ExpiredSignatureError:
            raise CredentialRefused("the token has expired") from None
        except jwt.PyJWTError:
            raise CredentialRefused("the token is missing or wrong") from None

    def remaining_s(self, identity: Identity) -> float | None:
        """Return the seconds until an identity expires, leeway included; None for never."""
        if identity.expires_at_s is None:
            return None
        leeway_s = self._settings.jwt_leeway_ms / 1000
        return max(0.0, identity.expires_at_s + leeway_s - self._clock_s())

    def notice_in_s(self, identity: Identity) -> float | None:
        """Return the seconds until a caller should renew its identity; None for never.

        An identity that lasts a moment is renewed halfway, so that it is not renewed without end.
        """
        remaining_s = self.remaining_s(identity)
        return None if remaining_s is None else max(remaining_s / 2, remaining_s - NOTICE_S)

    async def _claimed(self, token: str) -> Identity:
        key, algorithms = await self._key_of(token)
        audience, issuer = self._settings.jwt_audience, self._settings.jwt_issuer
        tenant_claim = self._settings.jwt_tenant_claim
        wanted = {"exp": True, "iat": True, "sub": True, "aud": bool(audience), "iss": bool(issuer)}
        claims = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=audience or None,
            issuer=issuer or None,
            # Times are checked by our clock, which a test can set.
            options={
                "require": [claim for claim, is_wanted in wanted.items() if is_wanted],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        identity = Identity(_principal(claims, tenant_claim), _time(claims, "exp"))
        if self.remaining_s(identity) == 0:
            raise jwt.ExpiredSignatureError
        begins_at_s = max(_time(claims, "iat"), _time(claims, "nbf"))
        if begins_at_s > self._clock_s() + self._settings.jwt_leeway_ms / 1000:
            raise jwt.ImmatureSignatureError
        return identity

    async def _key_of(self, token: str) -> tuple[jwt.PyJWK | str, Sequence[str]]:
        """Return the key that must have signed a token, and the accepted algorithms."""
        if self._keys is None:
            if not self._secret:
                raise jwt.InvalidTokenError
            return self._secret, ["HS256"]
        key_id = jwt.get_unverified_header(token).get("kid", "")
        key = await self._keys.key(key_id)
        if key is None:
            raise jwt.InvalidKeyError
        return key, ["RS256", "ES256"]

    def _check(self) -> None:
        if self._secret and self._keys:
            raise PermissionError("set CEDAR_JWT_KEY or CEDAR_JWT_JWKS, not both")
        if self._secret and len(self._secret.encode()) < MIN_KEY_BYTES:
            raise PermissionError(f"CEDAR_JWT_KEY needs at least {MIN_KEY_BYTES} bytes")
        if self._keys and not self._settings.jwt_audience:
            raise PermissionError(
                "CEDAR_JWT_JWKS needs CEDAR_JWT_AUDIENCE: the issuer signs for other services too"
            )


def _principal(claims: dict[str, object], tenant_claim: str) -> str:
    names = [claims["sub"], *([claims.get(tenant_claim)] if tenant_claim else [])]
    if not all(isinstance(name, str) and name for name in names):
        raise jwt.InvalidTokenError
    return _digest("sub", *map(str, names))


def _time(claims: dict[str, object], name: str) -> float:
    value = claims.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1 << 40:
        raise jwt.DecodeError
    return float(value)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join((str(len(parts)), *parts)).encode()).hexdigest()[:32]
