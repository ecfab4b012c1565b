"""The gate of the bridge: checks the origin of a request, and authenticates its caller."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil

import msgspec
import structlog
from aiohttp import web

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.rate_limit import RateLimiter
from cedar_voice_bridge.auth.tickets import Caller, Tickets, TooManyTickets
from cedar_voice_bridge.http.browser_socket import BrowserSocket
from cedar_voice_bridge.http.origins import OriginPolicy, bearer_token, client_address
from cedar_voice_bridge.http.refusals import HttpRefusal
from cedar_voice_bridge.settings import AccessSettings
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_bridge.translation.protocol import AuthTranslator
from cedar_voice_shared.credentials import CredentialRefused, Verifier

log = structlog.get_logger("cedar_voice.bridge")

_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Ticket(msgspec.Struct, rename="camel"):
    """A ticket, which authenticates a caller in one address, once."""

    ticket: str
    expires_in_ms: int


class Gate:
    """Admits requests by their origin, and by a token or a ticket.

    Args:
        origins: the origins of pages that may connect.
        verifier: verifies tokens.
        settings: times, and whether addresses may contain tokens.
    """

    def __init__(self, origins: OriginPolicy, verifier: Verifier, settings: AccessSettings) -> None:
        self._origins = origins
        self._verifier = verifier
        is_limited = verifier.needs_token  # without tokens all callers are one
        per_minute = settings.principal_tickets_per_minute if is_limited else 0
        self._tickets = Tickets(settings.ticket_ms / 1000, per_minute)
        self._refusals = RateLimiter(settings.refusals_per_minute)
        self._settings = settings

    def check(self, request: web.Request) -> None:
        """Refuse pages of other origins, and addresses with too many failed attempts.

        Raises:
            HttpRefusal: 403 or 429.
        """
        origin = request.headers.get("Origin")
        if not self._origins.admits_origin(origin, request.host):
            log.info("origin refused", origin=origin)
            raise HttpRefusal(403, "origin_refused", "this origin may not connect")
        if wait_s := self._refusals.wait_s(self._address_of(request)):
            message = f"at most {self._refusals.per_minute} attempts a minute without a good token"
            raise _rate_limited(message, wait_s)

    async def admit(self, request: web.Request) -> Caller:
        """Check a request and return its caller.

        Raises:
            HttpRefusal: 401, 403 or 429.
        """
        self.check(request)
        with self._counting_refusals(request):
            return await self._caller_by_address(request) or await self._caller_by_header(request)

    async def admit_socket(
        self, request: web.Request, socket: BrowserSocket, translator: AuthTranslator
    ) -> Caller:
        """Return the caller of a socket, by its request or by the first `auth` frame.

        Raises:
            CredentialRefused: the token or ticket is missing or invalid.
            BrowserGone: the socket is closed.
        """
        try:
            return await self._caller_of_socket(request, socket, translator)
        except CredentialRefused:
            self._count_refusal(request)
            raise

    async def _caller_of_socket(
        self, request: web.Request, socket: BrowserSocket, translator: AuthTranslator
    ) -> Caller:
        caller = await self._caller_by_address(request)
        if caller is not None:
            return caller
        if bearer_token(request.headers.get("Authorization")) or not self._verifier.needs_token:
            return await self._caller_by_header(request)
        try:
            async with asyncio.timeout(self._settings.auth_timeout_ms / 1000):
                while (token := await _token_by_frame(socket, translator)) is None:
                    pass
        except TimeoutError:
            raise CredentialRefused("no token has arrived") from None
        return await self._identify(token)

    async def renew_token(
        self, caller: Caller, frame: str, translator: AuthTranslator
    ) -> Caller | None:
        """Return the caller with the fresh token of an `auth` frame; None for any other frame.

        Raises:
            DialectError: the token is of another user, or the frame is not of this dialect.
        """
        if '"auth"' not in frame or (token := translator.token_in(frame)) is None:
            return None
        if not self._verifier.needs_token:
            return caller
        try:
            renewed = await self._identify(token)
        except CredentialRefused as refusal:
            raise DialectError(str(refusal), code=pb.ERROR_CODE_UNAUTHENTICATED) from None
        if renewed != caller:
            message = "the token belongs to another user"
            raise DialectError(message, code=pb.ERROR_CODE_UNAUTHENTICATED)
        return renewed

    def remaining_s(self, caller: Caller) -> float | None:
        """Return the seconds until the token of a caller expires; None if it never does."""
        return self._verifier.remaining_s(caller.identity)

    async def wait_for_expiry(self, caller: Caller, warn: Callable[[float], None]) -> None:
        """Wait until the token of a caller expires; a renewal extends the wait.

        Args:
            caller: the user.
            warn: called before that, with the seconds left.
        """
        while (left_s := self.remaining_s(caller)) is None or left_s > 0:
            caller.renewed.clear()
            if await _passes(self._verifier.notice_in_s(caller.identity), caller.renewed):
                warn(self.remaining_s(caller) or 0.0)
                await _passes(self.remaining_s(caller), caller.renewed)

    async def issue_ticket(self, request: web.Request) -> web.Response:
        """Answer a request for a ticket.

        Raises:
            HttpRefusal: 401, 403 or 429.
        """
        self.check(request)
        with self._counting_refusals(request):
            caller = await self._caller_by_header(request)
        try:
            ticket = self._tickets.issue(caller, self._origin_of(request))
        except TooManyTickets as limit:
            raise _rate_limited(str(limit), limit.retry_after_s) from None
        body = msgspec.json.encode(Ticket(ticket, self._settings.ticket_ms))
        headers = {"Cache-Control": "no-store"}
        return web.Response(body=body, content_type="application/json", headers=headers)

    @contextmanager
    def _counting_refusals(self, request: web.Request) -> Iterator[None]:
        """Count refused credentials of an address, and convert them into a status."""
        try:
            yield
        except CredentialRefused as refusal:
            self._count_refusal(request)
            raise HttpRefusal(401, "unauthenticated", str(refusal)) from None

    def _count_refusal(self, request: web.Request) -> None:
        if (address := self._address_of(request)) is not None:
            self._refusals.count(address)

    def _address_of(self, request: web.Request) -> str | None:
        header = self._settings.address_header
        return client_address(request.remote, request.headers.get(header) if header else None)

    async def _caller_by_address(self, request: web.Request) -> Caller | None:
        if ticket := request.query.get("ticket"):
            caller = self._tickets.redeem(ticket, self._origin_of(request))
            if caller is None:
                raise CredentialRefused("the ticket is used, expired or invalid")
            return caller
        if not (token := request.query.get("token")):
            return None
        if not self._settings.allow_token_in_address:
            raise CredentialRefused("addresses may have tickets only: POST to tickets returns one")
        return await self._identify(token)

    async def _caller_by_header(self, request: web.Request) -> Caller:
        return await self._identify(bearer_token(request.headers.get("Authorization")))

    async def _identify(self, token: str | None) -> Caller:
        return Caller(token, await self._verifier.identify(token))

    def _origin_of(self, request: web.Request) -> str | None:
        """Return the origin that a ticket is bound to.

        The bridge's own page has one value, since not all of its requests contain an origin.
        """
        origin = request.headers.get("Origin")
        is_own = origin is not None and self._origins.is_own(origin, request.host)
        return f"//{request.host}" if is_own else origin


def _rate_limited(limit: str, wait_s: float) -> HttpRefusal:
    return HttpRefusal(429, "rate_limited", limit, retry_after_s=ceil(wait_s))


async def _passes(duration_s: float | None, renewed: asyncio.Event) -> bool:
    """Wait for a duration or a renewal, and return whether the duration has passed.

    None waits for a renewal alone.
    """
    try:
        async with asyncio.timeout(duration_s):
            await renewed.wait()
    except TimeoutError:
        return True
    return False


async def _token_by_frame(socket: BrowserSocket, translator: AuthTranslator) -> str | None:
    try:
        token = translator.token_in(await socket.receive())
        if token is None:
            raise DialectError("auth must come first", code=pb.ERROR_CODE_UNAUTHENTICATED)
    except DialectError as error:
        await socket.send(translator.refuse(error))
        return None
    return token


def session_id_of(*names: str) -> str:
    """Return the id of the session that a browser gives this name, in one or several parts.

    A name that is no valid id is replaced by its hash.
    """
    if len(names) == 1 and _SESSION_ID.fullmatch(names[0]):
        return names[0]
    return hashlib.sha256("\0".join(names).encode()).hexdigest()
