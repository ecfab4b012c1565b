"""A browser's socket as text frames in and out. Knows sizes and times, not what frames say."""

import asyncio
from collections.abc import Iterable

import structlog
from aiohttp import WSMsgType, web

import cedar_voice.v1 as pb
from cedar_voice_bridge.http.close_codes import SocketClose
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_bridge.translation.errors import DialectError

log = structlog.get_logger("cedar_voice.bridge")

CLOSE_TIMEOUT_S = 2.0
"""How long a browser may take to answer a close."""

LAST_SEND_TIMEOUT_S = 1.0
"""How long a browser may take to read why it is left."""

TRANSPORT_LIMIT_FACTOR = 4
"""How far the transport's limit is above ours: it closes the socket, we answer with an error."""


class BrowserGone(Exception):
    """The browser has closed the socket."""


class BrowserLags(BrowserGone):
    """The browser does not take what it is sent in time; it may still be told so."""


class BrowserSocket:
    """One socket. One task may read while others say."""

    def __init__(self, request: web.Request, settings: BridgeSettings) -> None:
        self._request = request
        self._max_frame_bytes = settings.max_frame_bytes
        self._send_timeout_s = settings.send_timeout_ms / 1000
        self.socket = web.WebSocketResponse(
            timeout=CLOSE_TIMEOUT_S,
            heartbeat=settings.heartbeat_ms / 1000,
            max_msg_size=TRANSPORT_LIMIT_FACTOR * settings.max_frame_bytes,
            compress=False,  # audio does not shrink
        )

    async def accept(self) -> None:
        """Answer the request for a socket.

        Raises:
            aiohttp.web.HTTPException: the request is for something else.
        """
        await self.socket.prepare(self._request)

    async def read(self) -> str:
        """The next frame.

        Raises:
            DialectError: it is not text, or too large; the next one can be read.
            BrowserGone: there is no next frame.
        """
        message = await self.socket.receive()
        if message.type is WSMsgType.BINARY:
            raise DialectError("the frame is binary, not JSON text")
        if message.type is not WSMsgType.TEXT:
            raise BrowserGone
        frame: str = message.data
        size_bytes = len(frame) if frame.isascii() else len(frame.encode())
        if size_bytes > self._max_frame_bytes:
            raise DialectError(
                f"a frame has at most {self._max_frame_bytes} bytes",
                code=pb.ERROR_CODE_MESSAGE_TOO_LARGE,
            )
        return frame

    async def say(self, frames: Iterable[str]) -> None:
        """Send frames.

        Raises:
            BrowserGone: they cannot be delivered.
            BrowserLags: not in time.
        """
        await self._send(frames, self._send_timeout_s)

    async def send_last(self, frames: Iterable[str]) -> None:
        """Send frames, if that takes no more than a moment; no others follow.

        Raises:
            BrowserGone: they cannot be delivered.
        """
        await self._send(frames, LAST_SEND_TIMEOUT_S)

    async def _send(self, frames: Iterable[str], within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                for frame in frames:
                    await self.socket.send_str(frame)
        except TimeoutError:
            log.info("browser lags")
            raise BrowserLags from None
        except ConnectionError:
            raise BrowserGone from None

    async def close(self, ending: SocketClose) -> None:
        """Close the socket, whether the browser plays along or not."""
        try:
            async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
                await self.socket.close(code=ending.close_code, message=ending.reason.encode())
        except TimeoutError:
            self._abort()

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()
