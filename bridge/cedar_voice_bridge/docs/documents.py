"""What the bridge speaks, as documents for programs: OpenAPI for HTTP, AsyncAPI for the sockets.

The schemas are those of the frames themselves, so neither can say what the other does not.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

JsonObject = dict[str, Any]

TITLE = "Cedar Voice bridge"
REF = "#/components/schemas/{name}"
TEXT = {"type": "string"}


def schemas(kinds: Sequence[type]) -> tuple[dict[type, JsonObject], JsonObject]:
    """References to the schemas of these types, and the schemas."""
    refs, components = msgspec.json.schema_components(kinds, ref_template=REF)
    return dict(zip(kinds, refs, strict=True)), dict(components)


def route(path: str, document: JsonObject) -> web.RouteDef:
    """The route at which a document is served."""
    body = msgspec.json.encode(document)

    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    return web.get(path, serve)
