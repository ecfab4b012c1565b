"""A browser's socket as text frames in and out. It knows sizes and times, but no frames."""

import asyncio
from collections.abc import Iterable

import structlog
from aiohttp import WSMsgType, web

import cedar_voice.v1 as pb
from cedar_voice_bridge.http.close_codes import SocketClose
from cedar_voice_bridge.settings import BrowserSettings
from cedar_voice_bridge.translation.errors import DialectError

log = structlog.get_logger("cedar_voice.bridge")

CLOSE_TIMEOUT_S = 2.0
"""Longest wait for a browser to answer a close."""

LAST_SEND_TIMEOUT_S = 1.0
"""Longest wait for a browser to read the last frames, which give the reason of the close."""

TRANSPORT_LIMIT_FACTOR = 4
"""Ratio of the transport's frame limit to ours.

A frame above the transport's limit closes the socket; one above ours is answered with an error.
"""


class BrowserGone(Exception):
    """The browser has closed the socket."""


class BrowserLags(BrowserGone):
    """The browser does not read in time; it may still receive a last frame."""


class BrowserSocket:
    """One socket. One task receives, any number of tasks send."""

    def __init__(self, request: web.Request, settings: BrowserSettings) -> None:
        self._request = request
        self._max_frame_bytes = settings.max_frame_bytes
        self._send_timeout_s = settings.send_timeout_ms / 1000
        self.response = web.WebSocketResponse(
            timeout=CLOSE_TIMEOUT_S,
            heartbeat=settings.heartbeat_ms / 1000,
            max_msg_size=TRANSPORT_LIMIT_FACTOR * settings.max_frame_bytes,
            compress=False,  # audio does not shrink
        )

    async def accept(self) -> None:
        """Answer the request for a socket.

        Raises:
            aiohttp.web.HTTPException: the request is not for a socket.
        """
        await self.response.prepare(self._request)

    async def receive(self) -> str:
        """Return the next frame.

        Raises:
            DialectError: the frame is not text, or too large; the next one can be received.
            BrowserGone: there is no next frame.
        """
        message = await self.response.receive()
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

    async def send(self, frames: Iterable[str]) -> None:
        """Send frames.

        Raises:
            BrowserGone: they cannot be delivered.
            BrowserLags: they cannot be delivered in time.
        """
        await self._send(frames, self._send_timeout_s)

    async def send_last(self, frames: Iterable[str]) -> None:
        """Send the last frames, within a moment.

        Raises:
            BrowserGone: they cannot be delivered in that time.
        """
        await self._send(frames, LAST_SEND_TIMEOUT_S)

    async def _send(self, frames: Iterable[str], within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                for frame in frames:
                    await self.response.send_str(frame)
        except TimeoutError:
            log.info("browser lags")
            raise BrowserLags from None
        except ConnectionError:
            raise BrowserGone from None

    async def close(self, close: SocketClose) -> None:
        """Close the socket, whether or not the browser answers the close."""
        try:
            async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
                await self.response.close(code=close.close_code, message=close.reason.encode())
        except TimeoutError:
            self._abort()

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()
