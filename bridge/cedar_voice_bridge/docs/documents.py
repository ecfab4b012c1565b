"""Common parts of the documents for programs: OpenAPI for HTTP, AsyncAPI for the sockets.

The schemas are generated from the types of the frames, so a document cannot deviate from them.
"""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from cedar_voice_bridge.dialects.operation import JsonObject

TITLE = "Cedar Voice bridge"
REF = "#/components/schemas/{name}"


def schemas(kinds: Sequence[type]) -> tuple[dict[type, JsonObject], JsonObject]:
    """Return a reference to the schema of each type, and the schemas by name."""
    refs, components = msgspec.json.schema_components(kinds, ref_template=REF)
    return dict(zip(kinds, refs, strict=True)), dict(components)


def route(path: str, document: JsonObject) -> web.RouteDef:
    """Return the route that serves a document."""
    body = msgspec.json.encode(document)

    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    return web.get(path, serve)
