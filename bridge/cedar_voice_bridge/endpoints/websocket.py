"""The WebSocket endpoint of one dialect: the sockets that are open."""

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import web

from cedar_voice_bridge.auth.gate import Gate
from cedar_voice_bridge.endpoints.socket_connection import SocketConnection
from cedar_voice_bridge.http import close_codes
from cedar_voice_bridge.http.browser_socket import BrowserSocket
from cedar_voice_bridge.sessions.event_log import ReaderKind
from cedar_voice_bridge.sessions.hub import Hub
from cedar_voice_bridge.settings import BrowserSettings
from cedar_voice_bridge.translation.protocol import SocketTranslator

log = structlog.get_logger("cedar_voice.bridge")


class WebSocketEndpoint:
    """Serves the sockets of one dialect. It has no session, only the sockets that are open.

    Args:
        settings: sizes and times.
        gate: authenticates browsers.
        hub: the sessions.
        open_translator: returns the translator of a new socket.
        readers: kind of the sockets as readers of a session.
    """

    def __init__(
        self,
        settings: BrowserSettings,
        gate: Gate,
        hub: Hub,
        open_translator: Callable[[], SocketTranslator],
        readers: ReaderKind,
    ) -> None:
        self._settings = settings
        self._gate = gate
        self._hub = hub
        self._open_translator = open_translator
        self._readers = readers
        self._sockets: set[BrowserSocket] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one socket until either side ends it.

        Raises:
            HttpRefusal: 403 or 429.
        """
        self._gate.check(request)
        socket = BrowserSocket(request, self._settings)
        await socket.accept()
        self._sockets.add(socket)
        connection = SocketConnection(
            socket, self._gate, self._hub, self._open_translator(), self._readers
        )
        try:
            close = await connection.run(request)
            await socket.close(close)
        finally:
            self._sockets.discard(socket)
        is_closed_by_browser = close is close_codes.GONE
        close_code = socket.response.close_code if is_closed_by_browser else close.close_code
        log.info("socket closed", close_code=int(close_code or 0))
        return socket.response

    async def close(self) -> None:
        """Close every open socket: the bridge stops."""
        async with asyncio.TaskGroup() as group:
            for socket in self._sockets:
                group.create_task(socket.close(close_codes.STOPPING))
