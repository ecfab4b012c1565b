"""CORS headers: permission for pages of other origins to read our responses."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from cedar_voice_bridge.http.origins import OriginPolicy

ALLOWED_METHODS = "GET, POST"
ALLOWED_HEADERS = "authorization, content-type, last-event-id"
EXPOSED_HEADERS = "retry-after"
MAX_AGE_S = 7_200
"""Time for which a browser need not repeat a preflight; the longest that Chromium accepts."""

Signal = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


async def preflight(_: web.Request) -> web.Response:
    """Answer a preflight request, which browsers send without a token."""
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": ALLOWED_METHODS,
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": str(MAX_AGE_S),
        },
    )


def origin_headers(policy: OriginPolicy) -> Signal:
    """Return a signal that lets permitted origins read every response.

    Refusals and streams are included.
    """

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin is None or not policy.admits_origin(origin, request.host):
            return
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        if policy.trusts_origin(origin):
            headers["Access-Control-Allow-Credentials"] = "true"

    return add_headers
