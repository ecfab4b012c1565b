"""The WebSocket: one browser socket joined to one stream of the service."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol
from uuid import uuid4

import structlog
from aiohttp import web

import cedar_voice.v1 as pb
from cedar_voice_bridge import endings
from cedar_voice_bridge.browser import Browser, BrowserGone
from cedar_voice_bridge.dialects.cedar_websocket import CedarWebSocket
from cedar_voice_bridge.dialects.problems import DialectError
from cedar_voice_bridge.endings import Ending
from cedar_voice_bridge.entrance import Entrance, is_session_id
from cedar_voice_bridge.sessions import BrowserSession, Sessions
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_client import (
    InvalidRequest,
    VoiceClientError,
)

log = structlog.get_logger("cedar_voice.bridge")

LAST_WORDS_S = 1.0
"""How long a stream that takes no more may need to say why."""


class Connection(Protocol):
    """One browser's socket in some dialect."""

    async def run(self, request: web.Request) -> Ending:
        """Serve the accepted socket; how it is to be closed."""
        ...


class WebSocketEndpoint:
    """Answers WebSocket requests. It holds no conversation, only the sockets that are open.

    Args:
        entrance: who is let in.
        connect: makes the connection of a browser.
    """

    def __init__(
        self,
        settings: BridgeSettings,
        entrance: Entrance,
        connect: Callable[[Browser], Connection],
    ) -> None:
        self._settings = settings
        self._entrance = entrance
        self._connect = connect
        self._browsers: set[Browser] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until either side ends it."""
        self._entrance.check_origin(request)
        browser = Browser(request, self._settings)
        await browser.accept()
        self._browsers.add(browser)
        try:
            ending = await self._connect(browser).run(request)
            await browser.close(ending)
        finally:
            self._browsers.discard(browser)
        is_theirs = ending is endings.GONE
        close_code = browser.socket.close_code if is_theirs else ending.close_code
        log.info("socket closed", close_code=int(close_code or 0))
        return browser.socket

    async def close(self) -> None:
        """Close every open socket: the bridge stops."""
        async with asyncio.TaskGroup() as group:
            for browser in self._browsers:
                group.create_task(browser.close(endings.STOPPING))


class CedarConnection:
    """A socket with a stream of its own. See `Connection`."""

    def __init__(
        self, browser: Browser, entrance: Entrance, sessions: Sessions, settings: BridgeSettings
    ) -> None:
        self._browser = browser
        self._entrance = entrance
        self._sessions = sessions
        self._dialect = CedarWebSocket()
        self._send_timeout_s = settings.send_timeout_ms / 1000

    async def run(self, request: web.Request) -> Ending:
        """Admit the browser, open its session, copy; how the socket is to be closed."""
        wanted = request.query.get("sessionId", "")
        session_id = wanted if is_session_id(wanted) else str(uuid4())
        try:
            token = await self._entrance.token_of_socket(request, self._browser, self._dialect)
            if not self._entrance.admits(token):
                return endings.UNAUTHORIZED
            log.info("socket opened", session_id=session_id)
            await self._browser.say(self._dialect.greet(session_id))
            ending = await self._converse(self._dialect.open(session_id), token)
            await self._say_last_words(ending)
        except BrowserGone:
            return endings.GONE
        return ending

    async def _converse(self, config: pb.SessionConfig, token: str | None) -> Ending:
        try:
            async with self._sessions.open(config, token) as session:
                return await self._relay(session)
        except VoiceClientError as failure:
            return endings.refused(failure)

    async def _relay(self, session: BrowserSession) -> Ending:
        """Copy both ways until one side ends."""
        async with asyncio.TaskGroup() as group:
            downward = group.create_task(self._copy_down(session))
            upward = group.create_task(self._copy_up(session))
            await asyncio.wait((downward, upward), return_when=asyncio.FIRST_COMPLETED)
            if not downward.done() and upward.result() is not endings.GONE:
                await asyncio.wait((downward,), timeout=LAST_WORDS_S)
            downward.cancel()
            upward.cancel()
        return (upward if downward.cancelled() else downward).result()

    async def _copy_up(self, session: BrowserSession) -> Ending:
        try:
            while True:
                try:
                    await self._send(session, await self._browser.read())
                except DialectError as problem:
                    await self._browser.say(self._dialect.refuse(problem))
        except BrowserGone:
            return endings.GONE
        except VoiceClientError as failure:
            return endings.broken(failure)

    async def _send(self, session: BrowserSession, frame: str) -> None:
        for request in self._dialect.decode(frame):
            try:
                async with asyncio.timeout(self._send_timeout_s):
                    await session.send(request)
            except InvalidRequest as refusal:
                code = pb.ErrorCode.Value(f"ERROR_CODE_{refusal.code.name}")
                raise DialectError(refusal.message, code=code) from None
            except TimeoutError:
                raise endings.unavailable("the service takes no more") from None

    async def _copy_down(self, session: BrowserSession) -> Ending:
        response: pb.VoiceSessionResponse | None = session.opening
        is_told = False
        try:
            while response is not None:
                await self._browser.say(self._dialect.encode(response))
                if not self._dialect.is_withholding:
                    session.delivered(response)
                is_told = is_told or response.error.fatal
                response = await session.receive()
        except BrowserGone:
            return endings.GONE
        except VoiceClientError as failure:
            ending = endings.broken(failure)
            return replace(ending, error=None) if is_told else ending
        return endings.broken(endings.unavailable("the service ended the session"))

    async def _say_last_words(self, ending: Ending) -> None:
        await self._browser.say(self._dialect.close())
        if ending.error is not None:
            response = pb.VoiceSessionResponse(error=ending.error)
            await self._browser.say(self._dialect.encode(response))
