"""Who may connect: the origin of the page and the token of the user. Pure."""

import hmac
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Admission:
    """The rules of one bridge.

    Args:
        allowed_origins: web origins that are let in beside the page's own. Empty adds localhost on
            any port, "*" lets every origin in.
        tokens: bearer tokens that are let in; empty lets everyone in.
    """

    def __init__(self, allowed_origins: Sequence[str], tokens: Sequence[str]) -> None:
        self._allowed_origins = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)
        self._tokens = tokens

    @property
    def needs_token(self) -> bool:
        """Whether a token is needed to be let in."""
        return bool(self._tokens)

    def admits_origin(self, origin: str | None, host: str) -> bool:
        """Whether a page of `origin` may connect to us, whom it calls `host`.

        Programs send no origin; what keeps them out is a token.
        """
        if origin is None or "*" in self._allowed_origins:
            return True
        origin = origin.lower()
        try:
            address = urlsplit(origin)
        except ValueError:
            return False
        if address.netloc and address.netloc == host.lower():
            return True
        if not self._allowed_origins:
            return address.hostname in _LOCAL_NAMES
        return origin in self._allowed_origins

    def trusts_origin(self, origin: str) -> bool:
        """Whether the operator has named this very origin: only then come credentials."""
        return origin.lower() in self._allowed_origins

    def admits_token(self, token: str | None) -> bool:
        """Whether `token` opens the door; without tokens of our own, any that could be one."""
        if token is None:
            return not self._tokens
        if not _TOKEN.fullmatch(token):
            return False
        if not self._tokens:
            return True
        given = token.encode()
        return any(hmac.compare_digest(given, known.encode()) for known in self._tokens)


def presented_token(query_token: str | None, authorization: str | None) -> str | None:
    """The token that comes with a request: of the query, else of the header; None without one."""
    scheme, _, token = (authorization or "").partition(" ")
    return query_token or (token.strip() if scheme.lower() == "bearer" else "") or None
