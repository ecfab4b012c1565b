"""Origins of pages that may connect, and the token and address of a request. Pure."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class OriginPolicy:
    """The origins that one bridge permits.

    Args:
        allowed_origins: permitted web origins beside the bridge's own. Empty adds localhost on any
            port, "*" permits every origin.
    """

    def __init__(self, allowed_origins: Sequence[str]) -> None:
        self._allowed_origins = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)

    def admits_origin(self, origin: str | None, host: str) -> bool:
        """Whether a page of `origin` may connect to this bridge, which it addresses as `host`.

        Programs send no origin; only a token keeps them out.
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
        """Whether `origin` is that of the bridge's own page, which it addresses as `host`."""
        try:
            return urlsplit(origin.lower()).netloc == host.lower()
        except ValueError:
            return False

    def trusts_origin(self, origin: str) -> bool:
        """Whether the operator has listed this origin by name, so that it may send credentials."""
        return origin.lower() in self._allowed_origins


def client_address(connection: str | None, forwarded: str | None) -> str | None:
    """Return the address that a request comes from; for IPv6 the network of one customer.

    None for this machine, which may be a proxy, and for an unknown address.

    Args:
        connection: the address of the other side of the connection.
        forwarded: the addresses that the proxy in front gives, the newest last.
    """
    for candidate in ((forwarded or "").rpartition(",")[2].strip(), connection or ""):
        try:
            address = ip_address(candidate.partition("%")[0])
        except ValueError:
            continue
        if address.is_loopback:
            return None
        if isinstance(address, IPv6Address):
            return str(ip_network((address, 64), strict=False))
        return str(address)
    return None


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of an `Authorization` header; None without one."""
    scheme, _, token = (authorization or "").partition(" ")
    return (token.strip() if scheme.lower() == "bearer" else "") or None
