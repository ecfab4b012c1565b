"""Which pages may connect, and where a request carries its token. Pure."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class OriginPolicy:
    """The rules of one bridge.

    Args:
        allowed_origins: web origins that are let in beside the page's own. Empty adds localhost on
            any port, "*" lets every origin in.
    """

    def __init__(self, allowed_origins: Sequence[str]) -> None:
        self._allowed_origins = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)

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

    def is_own(self, origin: str, host: str) -> bool:
        """Whether `origin` is that of our own page, at an address that it calls `host`."""
        try:
            return urlsplit(origin.lower()).netloc == host.lower()
        except ValueError:
            return False

    def trusts_origin(self, origin: str) -> bool:
        """Whether the operator has named this very origin: only then come credentials."""
        return origin.lower() in self._allowed_origins


def client_address(connection: str | None, forwarded: str | None) -> str | None:
    """Whom a request comes from: an address, or the network that is one customer's in IPv6; None
    for this machine, which may be a proxy, and for who cannot be told.

    Args:
        connection: the address of the other side.
        forwarded: what the proxy in front says of it, the newest last.
    """
    for said in ((forwarded or "").rpartition(",")[2].strip(), connection or ""):
        try:
            address = ip_address(said.partition("%")[0])
        except ValueError:
            continue
        if address.is_loopback:
            return None
        if isinstance(address, IPv6Address):
            return str(ip_network((address, 64), strict=False))
        return str(address)
    return None


def bearer_token(authorization: str | None) -> str | None:
    """The token of an `Authorization` header; None without one."""
    scheme, _, token = (authorization or "").partition(" ")
    return (token.strip() if scheme.lower() == "bearer" else "") or None
