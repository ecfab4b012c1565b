"""A response as a stream of server-sent events, each with one line of JSON."""

import asyncio
from collections.abc import Iterable

import structlog
from aiohttp import web

from cedar_voice_bridge.http.browser_socket import LAST_SEND_TIMEOUT_S, BrowserGone, BrowserLags

log = structlog.get_logger("cedar_voice.bridge")

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


class EventStream:
    """One stream of events to a browser. One task sends.

    Args:
        request: the browser's request.
        send_timeout_s: longest wait for the browser to read an event.
    """

    def __init__(self, request: web.Request, *, send_timeout_s: float) -> None:
        self.response = web.StreamResponse(headers=HEADERS)
        self._request = request
        self._send_timeout_s = send_timeout_s

    async def open(self) -> None:
        """Send the headers.

        Raises:
            BrowserGone: they cannot be delivered.
        """
        try:
            await self.response.prepare(self._request)
            await self._write(b":\n\n")  # some proxies wait for the first byte of the body
        except ConnectionError:
            raise BrowserGone from None

    async def send(self, events: Iterable[str], *, event_id: str = "") -> None:
        """Send events.

        Args:
            events: each a line of JSON.
            event_id: id of the last one, which a browser that reconnects sends back.

        Raises:
            BrowserGone: they cannot be delivered.
            BrowserLags: they cannot be delivered in time; the stream is over.
        """
        *before, last = (f"data: {event}\n\n" for event in events)
        head = f"id: {event_id}\n" if event_id else ""
        await self._write("".join((*before, head, last)).encode())

    async def _write(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await self.response.write(data)
        except TimeoutError:
            log.info("browser lags")
            raise BrowserLags from None
        except ConnectionError:
            raise BrowserGone from None

    async def send_last(self, events: Iterable[str]) -> None:
        """Send the last events within a moment; otherwise abort the connection."""
        data = "".join(f"data: {event}\n\n" for event in events)
        try:
            async with asyncio.timeout(LAST_SEND_TIMEOUT_S):
                await self.response.write(data.encode())
        except (TimeoutError, ConnectionError):
            if self._request.transport is not None:
                self._request.transport.abort()
