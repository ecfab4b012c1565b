"""A response that goes on: server-sent events, one line of JSON each."""

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
    """One stream of events to a browser. One task sends."""

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

    async def send(self, events: Iterable[str], *, place: str = "") -> None:
        """Send events, each a line of JSON; a browser that comes back names the last `place`.

        Raises:
            BrowserGone: they cannot be delivered.
            BrowserLags: not in time; the stream is over.
        """
        *before, last = (f"data: {event}\n\n" for event in events)
        head = f"id: {place}\n" if place else ""
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

    async def leave(self, last_words: Iterable[str]) -> None:
        """Leave a browser, which has a moment to read why."""
        words = "".join(f"data: {event}\n\n" for event in last_words)
        try:
            async with asyncio.timeout(LAST_SEND_TIMEOUT_S):
                await self.response.write(words.encode())
        except (TimeoutError, ConnectionError):
            if self._request.transport is not None:
                self._request.transport.abort()
