"""The entrance of every surface: where a page comes from, whose token it brings, its session."""

import asyncio
import hashlib
import re
from typing import Protocol

import structlog
from aiohttp import web

import cedar_voice.v1 as pb
from cedar_voice_bridge.admission import Admission, presented_token
from cedar_voice_bridge.browser import Browser
from cedar_voice_bridge.dialects.problems import DialectError
from cedar_voice_bridge.refusals import Refusal

log = structlog.get_logger("cedar_voice.bridge")

_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class TokenDialect(Protocol):
    """What admission needs of the dialect of a socket."""

    def token_in(self, frame: str) -> str | None:
        """The token of a frame that has one."""
        ...

    def refuse(self, error: DialectError) -> list[str]:
        """The frames that say what is wrong."""
        ...


class Entrance:
    """Lets requests in by their origin and token.

    Args:
        admission: the rules.
        auth_timeout_s: how long a socket may be open without a token.
    """

    def __init__(self, admission: Admission, *, auth_timeout_s: float) -> None:
        self._admission = admission
        self._auth_timeout_s = auth_timeout_s
        self.admits = admission.admits_token

    def check_origin(self, request: web.Request) -> None:
        """Turn away pages that may not use this bridge.

        Raises:
            Refusal: 403.
        """
        origin = request.headers.get("Origin")
        if not self._admission.admits_origin(origin, request.host):
            log.info("origin refused", origin=origin)
            raise Refusal(403, "origin_refused", "this origin may not connect")

    def admit(self, request: web.Request) -> str | None:
        """The token of a request that is let in.

        Raises:
            Refusal: 401 or 403.
        """
        self.check_origin(request)
        token = presented_token(request.query.get("token"), request.headers.get("Authorization"))
        if not self._admission.admits_token(token):
            raise Refusal(401, "unauthenticated", "the token is missing or wrong")
        return token

    async def token_of_socket(
        self, request: web.Request, browser: Browser, dialect: TokenDialect
    ) -> str | None:
        """The token of the request, else of the first `auth` frame when one is needed.

        Raises:
            BrowserGone: the socket is closed.
        """
        query, headers = request.query, request.headers
        token = presented_token(query.get("token"), headers.get("Authorization"))
        if token is not None or not self._admission.needs_token:
            return token
        try:
            async with asyncio.timeout(self._auth_timeout_s):
                while (token := await _token_by_frame(browser, dialect)) is None:
                    pass
        except TimeoutError:
            return None
        return token


async def _token_by_frame(browser: Browser, dialect: TokenDialect) -> str | None:
    try:
        token = dialect.token_in(await browser.read())
        if token is None:
            raise DialectError("auth must come first", code=pb.ERROR_CODE_UNAUTHENTICATED)
    except DialectError as problem:
        await browser.say(dialect.refuse(problem))
        return None
    return token


def session_id_of(*names: str) -> str:
    """The id of the session that a browser calls so."""
    if len(names) == 1 and _SESSION_ID.fullmatch(names[0]):
        return names[0]
    return hashlib.sha256("\0".join(names).encode()).hexdigest()
