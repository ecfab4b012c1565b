"""The WebSocket: a browser's socket joined to a session that it may share."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol
from uuid import uuid4

import structlog
from aiohttp import web

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.gate import AuthTranslator, Gate, session_id_of
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.http import close_codes
from cedar_voice_bridge.http.browser_socket import (
    LAST_SEND_TIMEOUT_S,
    BrowserGone,
    BrowserLags,
    BrowserSocket,
)
from cedar_voice_bridge.http.close_codes import SocketClose
from cedar_voice_bridge.sessions.event_log import (
    LogReader,
    ReaderKind,
    ReaderLagged,
    ReaderReplaced,
    SessionOver,
    close_for,
)
from cedar_voice_bridge.sessions.hub import BrowserPosition, Hub, Response, SharedSession
from cedar_voice_bridge.sessions.shared_config import ConfigWriter
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_client import InvalidRequest, VoiceClientError
from cedar_voice_shared.credentials import CredentialRefused

log = structlog.get_logger("cedar_voice.bridge")


class SocketTranslator(AuthTranslator, Protocol):
    """A dialect of sockets. It remembers what it has said."""

    def greet(self, session_id: str) -> list[str]:
        """The frames that a browser gets at once."""
        ...

    def decode(self, frame: str) -> list[pb.VoiceSessionRequest]:
        """What a frame asks of the session."""
        ...

    def encode(self, response: pb.VoiceSessionResponse) -> list[str]:
        """The frames that say what the service says."""
        ...

    def ends_turn(self, frame: str) -> bool:
        """Whether a frame is the last of its turn."""
        ...

    def close(self, error: pb.Error | None) -> list[str]:
        """The frames that a browser gets last."""
        ...


class Connection(Protocol):
    """One browser's socket in some dialect."""

    async def run(self, request: web.Request) -> SocketClose:
        """Serve the accepted socket; how it is to be closed."""
        ...


class WebSocketEndpoint:
    """Answers WebSocket requests. It holds no conversation, only the sockets that are open.

    Args:
        gate: who is let in.
        connect: makes the connection of a browser.
    """

    def __init__(
        self,
        settings: BridgeSettings,
        gate: Gate,
        connect: Callable[[BrowserSocket], Connection],
    ) -> None:
        self._settings = settings
        self._gate = gate
        self._connect = connect
        self._browsers: set[BrowserSocket] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until either side ends it."""
        self._gate.check(request)
        browser = BrowserSocket(request, self._settings)
        await browser.accept()
        self._browsers.add(browser)
        try:
            ending = await self._connect(browser).run(request)
            await browser.close(ending)
        finally:
            self._browsers.discard(browser)
        is_theirs = ending is close_codes.GONE
        close_code = browser.socket.close_code if is_theirs else ending.close_code
        log.info("socket closed", close_code=int(close_code or 0))
        return browser.socket

    async def close(self) -> None:
        """Close every open socket: the bridge stops."""
        async with asyncio.TaskGroup() as group:
            for browser in self._browsers:
                group.create_task(browser.close(close_codes.STOPPING))


class SocketConnection:
    """A browser's socket and the session that it shares. See `Connection`.

    Args:
        browser: the socket.
        gate: who is let in.
        hub: the sessions.
        dialect: what the browser speaks.
        kind: of reader that it is.
    """

    def __init__(
        self,
        browser: BrowserSocket,
        gate: Gate,
        hub: Hub,
        dialect: SocketTranslator,
        kind: ReaderKind,
    ) -> None:
        self._browser = browser
        self._gate = gate
        self._hub = hub
        self._dialect = dialect
        self._kind = kind

    async def run(self, request: web.Request) -> SocketClose:
        """Admit the browser, find its session, copy; how the socket is to be closed."""
        wanted = request.query.get("sessionId", "")
        session_id = session_id_of(wanted) if wanted else str(uuid4())
        try:
            caller = await self._gate.admit_socket(request, self._browser, self._dialect)
            log.info("socket opened", session_id=session_id)
            await self._browser.say(self._dialect.greet(session_id))
            ending = await self._converse(session_id, caller, _position_of(request))
        except CredentialRefused:
            return close_codes.UNAUTHORIZED
        except BrowserLags:
            ending = close_codes.lagging()
        except BrowserGone:
            return close_codes.GONE
        with suppress(BrowserGone):  # it is closed all the same
            await self._browser.send_last(self._dialect.close(ending.error))
        return ending

    async def _converse(
        self, session_id: str, caller: Caller, position: BrowserPosition | None
    ) -> SocketClose:
        try:
            conversation = await self._hub.conversation(session_id, caller)
        except VoiceClientError as failure:
            return close_codes.refused(failure)
        keep_s = conversation.upstream.ready.limits.resume_window_ms / 1000
        after = conversation.last_number_at(position)
        with conversation.read(after, kind=self._kind, keep_s=keep_s) as reader:
            reader.acknowledge(after)
            greeting = self._dialect.encode(conversation.greeting(position))
            for response in reader.passed:  # the dialect knows again what it has said
                self._dialect.encode(response)
            await self._browser.say(greeting)
            return await self._relay(conversation, reader, caller)

    async def _relay(
        self, conversation: SharedSession, reader: LogReader[Response], caller: Caller
    ) -> SocketClose:
        """Copy both ways until one side ends."""
        async with asyncio.TaskGroup() as group:
            downward = group.create_task(self._copy_down(reader))
            upward = group.create_task(self._copy_up(conversation, reader, caller))
            expiring = group.create_task(self._expire(caller, reader))
            tasks = (downward, upward, expiring)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if upward.done() and upward.result() is not close_codes.GONE:
                await asyncio.wait((downward,), timeout=LAST_SEND_TIMEOUT_S)
            for task in tasks:
                task.cancel()
        return next(task for task in tasks if not task.cancelled()).result()

    async def _expire(self, caller: Caller, reader: LogReader[Response]) -> SocketClose:
        def warn(left_s: float) -> None:
            expiring = pb.TokenExpiring(time_left_ms=int(1000 * left_s))
            reader.tell(Response(token_expiring=expiring))

        await self._gate.expiry(caller, warn)
        return close_codes.EXPIRED

    async def _copy_up(
        self, conversation: SharedSession, reader: LogReader[Response], caller: Caller
    ) -> SocketClose:
        writer = ConfigWriter(conversation.shared_config)

        def on_pong(pong: Response | None) -> None:
            if pong is not None:
                reader.tell(pong)

        try:
            while True:
                try:
                    frame = await self._browser.read()
                    if renewed := await self._gate.renew(caller, frame, self._dialect):
                        await conversation.renew(renewed)
                        caller.renew(renewed)
                    requests = self._dialect.decode(frame)
                    for request in requests:
                        if request.ack:
                            reader.acknowledge(
                                conversation.last_number_at(BrowserPosition(request.ack))
                            )
                    await conversation.upstream.send(writer.with_profile(requests), on_pong)
                except DialectError as problem:
                    await self._browser.say(self._dialect.refuse(problem))
                except InvalidRequest as refusal:
                    code = pb.ErrorCode.Value(f"ERROR_CODE_{refusal.code.name}")
                    refused = DialectError(refusal.message, code=code)
                    await self._browser.say(self._dialect.refuse(refused))
        except BrowserLags:
            return close_codes.lagging()
        except BrowserGone:
            return close_codes.GONE
        except VoiceClientError as failure:
            conversation.shared_config.forget()
            return close_codes.broken(failure)

    async def _copy_down(self, reader: LogReader[Response]) -> SocketClose:
        try:
            while True:
                entry = await reader.next()
                frames = self._dialect.encode(entry.item)
                await self._browser.say(frames)
                is_last = bool(frames) and self._dialect.ends_turn(frames[-1])
                reader.delivered(entry, ends_turn=is_last)
        except BrowserLags:
            return close_codes.lagging()
        except BrowserGone:
            return close_codes.GONE
        except (SessionOver, ReaderReplaced, ReaderLagged) as over:
            return close_for(over)


def _position_of(request: web.Request) -> BrowserPosition | None:
    """The last `seq` that a browser has, as it says; None when it says nothing, or nonsense."""
    told = request.query.get("lastSeq", "")
    return BrowserPosition(int(told)) if re.fullmatch(r"[0-9]{1,15}", told) else None
