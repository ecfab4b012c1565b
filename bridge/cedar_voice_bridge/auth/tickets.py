"""Whom requests and sockets speak for, and the tickets that stand for them in addresses."""

import asyncio
import hashlib
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from cedar_voice_bridge.auth.rate_limit import RateLimiter
from cedar_voice_shared.credentials import Identity

MAX_TICKETS = 10_000
MAX_TICKETS_OF_ONE = 20
"""Tickets of one caller that wait to be used."""


NOBODY = Identity("")


class Caller:
    """A user of the bridge; equal to whoever has the same principal.

    Args:
        token: the newest that is known, which the service gets; None without one.
        identity: whom it speaks for.
    """

    def __init__(self, token: str | None = None, identity: Identity = NOBODY) -> None:
        self.token = token
        self.identity = identity
        self.renewed = asyncio.Event()
        """Set by a renewal, for one who waits to clear."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Caller) and other.identity.principal == self.identity.principal

    def __hash__(self) -> int:
        return hash(self.identity.principal)

    def renew(self, other: "Caller") -> bool:
        """Take the token of another one of the same principal, if it lasts longer; whether so."""
        is_longer = other.identity.outlasts(self.identity)
        if is_longer:
            self.token, self.identity = other.token, other.identity
            self.renewed.set()
        return is_longer


class TooManyTickets(Exception):
    """No ticket for now: `str()` says which limit, `retry_after_s` when there is room again."""

    def __init__(self, limit: str, retry_after_s: float) -> None:
        super().__init__(limit)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class _Issued:
    caller: Caller
    origin: str | None
    expires_at_s: float


class Tickets:
    """Random words that stand for a caller once and for a short time. Kept in this process.

    Args:
        ticket_s: how long one may wait to be used.
        per_minute: how many a caller may have; 0 is no limit.
        clock_s: a clock that never goes back.
    """

    def __init__(
        self, ticket_s: float, per_minute: int = 0, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._ticket_s = ticket_s
        self._rate = RateLimiter(per_minute, clock_s)
        self._clock_s = clock_s
        self._issued: OrderedDict[bytes, _Issued] = OrderedDict()
        self._counts: Counter[Caller] = Counter()

    def issue(self, caller: Caller, origin: str | None) -> str:
        """A ticket.

        Args:
            caller: whom it stands for.
            origin: of the pages that may use it; None for a program's, which any page may use.

        Raises:
            TooManyTickets: others have to be used first, or expire; or there were too many.
        """
        self._drop_expired()
        if self._counts[caller] >= MAX_TICKETS_OF_ONE or len(self._issued) >= MAX_TICKETS:
            raise TooManyTickets("too many tickets wait to be used", self._ticket_s)
        if wait_s := self._rate.take(caller):
            raise TooManyTickets(f"at most {self._rate.per_minute} tickets a minute", wait_s)
        ticket = secrets.token_urlsafe(32)
        expires_at_s = self._clock_s() + self._ticket_s
        self._issued[_digest(ticket)] = _Issued(caller, origin, expires_at_s)
        self._counts[caller] += 1
        return ticket

    def redeem(self, ticket: str, origin: str | None) -> Caller | None:
        """The caller of a ticket, which is used up by that; None for one that opens nothing."""
        self._drop_expired()
        issued = self._issued.pop(_digest(ticket), None)
        if issued is None:
            return None
        self._uncount(issued.caller)
        return issued.caller if issued.origin in (None, origin) else None

    def _drop_expired(self) -> None:
        while self._issued:
            digest, oldest = next(iter(self._issued.items()))
            if oldest.expires_at_s > self._clock_s():
                return
            del self._issued[digest]
            self._uncount(oldest.caller)

    def _uncount(self, caller: Caller) -> None:
        self._counts[caller] -= 1
        if not self._counts[caller]:
            del self._counts[caller]


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode(errors="replace")).digest()
