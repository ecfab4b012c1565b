"""The connection of one browser's socket with a session, which it may share with others."""

import asyncio
import re
from contextlib import suppress
from uuid import uuid4

import structlog
from aiohttp import web

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.gate import Gate, session_id_of
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
from cedar_voice_bridge.sessions.hub import Hub
from cedar_voice_bridge.sessions.shared_config import ConfigWriter
from cedar_voice_bridge.sessions.shared_session import BrowserPosition, Response, SharedSession
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_bridge.translation.protocol import SocketTranslator
from cedar_voice_client import InvalidRequest, VoiceClientError
from cedar_voice_shared.credentials import CredentialRefused

log = structlog.get_logger("cedar_voice.bridge")


class SocketConnection:
    """Copies frames between a browser's socket and a shared session.

    Args:
        socket: the browser's socket.
        gate: authenticates the browser.
        hub: the sessions.
        translator: of the browser's dialect.
        readers: kind of reader of the session.
    """

    def __init__(
        self,
        socket: BrowserSocket,
        gate: Gate,
        hub: Hub,
        translator: SocketTranslator,
        readers: ReaderKind,
    ) -> None:
        self._socket = socket
        self._gate = gate
        self._hub = hub
        self._translator = translator
        self._readers = readers

    async def run(self, request: web.Request) -> SocketClose:
        """Authenticate the browser, join its session; return the code to close the socket with."""
        name = request.query.get("sessionId", "")
        session_id = session_id_of(name) if name else str(uuid4())
        try:
            caller = await self._gate.admit_socket(request, self._socket, self._translator)
            log.info("socket opened", session_id=session_id)
            await self._socket.send(self._translator.greet(session_id))
            close = await self._join(session_id, caller, _position_of(request))
        except CredentialRefused:
            return close_codes.UNAUTHORIZED
        except BrowserLags:
            close = close_codes.lagging()
        except BrowserGone:
            return close_codes.GONE
        with suppress(BrowserGone):  # the socket is closed in any case
            await self._socket.send_last(self._translator.close(close.error))
        return close

    async def _join(
        self, session_id: str, caller: Caller, position: BrowserPosition | None
    ) -> SocketClose:
        try:
            session = await self._hub.session(session_id, caller)
        except VoiceClientError as failure:
            return close_codes.refused(failure)
        keep_s = session.upstream.ready.limits.resume_window_ms / 1000
        after = session.last_number_at(position)
        with session.open_reader(after, kind=self._readers, keep_s=keep_s) as reader:
            reader.acknowledge(after)
            greeting = self._translator.encode(session.greeting(position))
            for response in reader.earlier_items:  # restores the state of the translator
                self._translator.encode(response)
            await self._socket.send(greeting)
            return await self._copy(session, reader, caller)

    async def _copy(
        self, session: SharedSession, reader: LogReader[Response], caller: Caller
    ) -> SocketClose:
        """Copy in both directions until one of them ends; return how to close the socket."""
        async with asyncio.TaskGroup() as group:
            downward = group.create_task(self._copy_down(reader))
            upward = group.create_task(self._copy_up(session, reader, caller))
            expiring = group.create_task(self._wait_for_expiry(caller, reader))
            tasks = (downward, upward, expiring)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if upward.done() and upward.result() is not close_codes.GONE:
                await asyncio.wait((downward,), timeout=LAST_SEND_TIMEOUT_S)
            for task in tasks:
                task.cancel()
        return next(task for task in tasks if not task.cancelled()).result()

    async def _wait_for_expiry(self, caller: Caller, reader: LogReader[Response]) -> SocketClose:
        def warn(left_s: float) -> None:
            expiring = pb.TokenExpiring(time_left_ms=int(1000 * left_s))
            reader.send_out_of_band(Response(token_expiring=expiring))

        await self._gate.wait_for_expiry(caller, warn)
        return close_codes.EXPIRED

    async def _copy_up(
        self, session: SharedSession, reader: LogReader[Response], caller: Caller
    ) -> SocketClose:
        writer = ConfigWriter(session.shared_config)
        try:
            while True:
                try:
                    frame = await self._socket.receive()
                    await self._process(frame, session, reader, writer, caller)
                except DialectError as error:
                    await self._socket.send(self._translator.refuse(error))
                except InvalidRequest as refusal:
                    code = pb.ErrorCode.Value(f"ERROR_CODE_{refusal.code.name}")
                    refused = DialectError(refusal.message, code=code)
                    await self._socket.send(self._translator.refuse(refused))
        except BrowserLags:
            return close_codes.lagging()
        except BrowserGone:
            return close_codes.GONE
        except VoiceClientError as failure:
            session.shared_config.invalidate()
            return close_codes.broken(failure)

    async def _process(
        self,
        frame: str,
        session: SharedSession,
        reader: LogReader[Response],
        writer: ConfigWriter,
        caller: Caller,
    ) -> None:
        """Process one frame of the browser: a renewal of its token, or requests to the session."""

        def on_pong(pong: Response | None) -> None:
            if pong is not None:
                reader.send_out_of_band(pong)

        if renewed := await self._gate.renew_token(caller, frame, self._translator):
            await session.renew_token(renewed)
            caller.renew(renewed)
        requests = self._translator.decode(frame)
        for request in requests:
            if request.ack:
                reader.acknowledge(session.last_number_at(BrowserPosition(request.ack)))
        await session.upstream.send(writer.with_profile(requests), on_pong)

    async def _copy_down(self, reader: LogReader[Response]) -> SocketClose:
        try:
            while True:
                entry = await reader.next()
                frames = self._translator.encode(entry.item)
                await self._socket.send(frames)
                ends_turn = bool(frames) and self._translator.ends_turn(frames[-1])
                reader.record_delivery(entry, ends_turn=ends_turn)
        except BrowserLags:
            return close_codes.lagging()
        except BrowserGone:
            return close_codes.GONE
        except (SessionOver, ReaderReplaced, ReaderLagged) as over:
            return close_for(over)


def _position_of(request: web.Request) -> BrowserPosition | None:
    """Return the position that a request gives as `lastSeq`; None without a valid one."""
    sequence = request.query.get("lastSeq", "")
    return BrowserPosition(int(sequence)) if re.fullmatch(r"[0-9]{1,15}", sequence) else None
