"""Issuers of JSON Web Tokens, and the settings of a process that trusts them."""

import json
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

KEY = "a key of sixty-four bytes, so that it could be used with SHA512 too"
AUDIENCE = "voice"


def claims(user: str = "ann", **more: Any) -> dict[str, Any]:
    """Return the claims of a token that is valid for a minute; None leaves a claim out."""
    now_s = int(time.time())
    known = {"sub": user, "aud": AUDIENCE, "iat": now_s, "exp": now_s + 60}
    return {name: value for name, value in {**known, **more}.items() if value is not None}


def signed(user: str = "ann", key: str = KEY, algorithm: str = "HS256", **more: Any) -> str:
    """A token signed with a shared key."""
    return jwt.encode(claims(user, **more), key, algorithm)


@dataclass
class Issuer:
    """Signs with a key pair of its own, and publishes its public half."""

    key_id: str = "one"
    algorithm: str = "RS256"
    _key: Any = field(init=False)

    def __post_init__(self) -> None:
        is_rsa = self.algorithm == "RS256"
        self._key = (
            rsa.generate_private_key(65_537, 2_048)
            if is_rsa
            else ec.generate_private_key(ec.SECP256R1())
        )

    def sign(self, user: str = "ann", **more: Any) -> str:
        """A token."""
        return jwt.encode(claims(user, **more), self._key, self.algorithm, {"kid": self.key_id})

    @property
    def public_key(self) -> dict[str, Any]:
        """Its entry in a key set."""
        kind = jwt.get_algorithm_by_name(self.algorithm)
        return {**json.loads(kind.to_jwk(self._key.public_key())), "kid": self.key_id}


def key_set(*issuers: Issuer) -> bytes:
    """The document in which issuers publish their keys."""
    return json.dumps({"keys": [issuer.public_key for issuer in issuers]}).encode()
