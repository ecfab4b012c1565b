"""A response that goes on: server-sent events, one line of JSON each."""

import asyncio
from collections.abc import Iterable

from aiohttp import web

from cedar_voice_bridge.browser import BrowserGone

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
            BrowserGone: they cannot be delivered, or not in time.
        """
        *before, last = (f"data: {event}\n\n" for event in events)
        head = f"id: {place}\n" if place else ""
        await self._write("".join((*before, head, last)).encode())

    async def _write(self, data: bytes) -> None:
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await self.response.write(data)
        except TimeoutError:
            if self._request.transport is not None:
                self._request.transport.abort()
            raise BrowserGone from None
        except ConnectionError:
            raise BrowserGone from None
