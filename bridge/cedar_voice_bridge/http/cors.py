"""Which pages of other origins may read our answers, as browsers want to be told."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from cedar_voice_bridge.http.origins import OriginPolicy

ALLOWED_METHODS = "GET, POST"
ALLOWED_HEADERS = "authorization, content-type, last-event-id"
EXPOSED_HEADERS = "retry-after"
MAX_AGE_S = 7_200
"""How long a browser need not ask again; the longest that Chromium takes."""

Signal = Callable[[web.Request, web.StreamResponse], Awaitable[None]]


async def preflight(_: web.Request) -> web.Response:
    """Answer a browser that asks what it may send; it has no token to ask with."""
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": ALLOWED_METHODS,
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": str(MAX_AGE_S),
        },
    )


def origin_headers(admission: OriginPolicy) -> Signal:
    """A signal that lets admitted origins read every response, refusals and streams included."""

    async def name_origin(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin is None or not admission.admits_origin(origin, request.host):
            return
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        if admission.trusts_origin(origin):
            headers["Access-Control-Allow-Credentials"] = "true"

    return name_origin
