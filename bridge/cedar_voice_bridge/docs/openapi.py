"""The OpenAPI document: the requests over HTTP."""

from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import version

from cedar_voice_bridge.auth.gate import Ticket
from cedar_voice_bridge.dialects.operation import JsonObject, Operation
from cedar_voice_bridge.dialects.protocol import DialectSpec, expand_path
from cedar_voice_bridge.docs.documents import TITLE
from cedar_voice_bridge.docs.operations import (
    Components,
    merged_operation,
    probe_operation,
    ticket_operation,
)


def openapi(
    base_paths: Sequence[str], dialects: Sequence[DialectSpec], *, needs_token: bool = False
) -> JsonObject:
    """Return the OpenAPI document of the dialects.

    Args:
        base_paths: the paths under which the voice API is served.
        dialects: the registered dialects.
        needs_token: whether the bridge authenticates its users.
    """
    operations: defaultdict[tuple[str, str], list[Operation]] = defaultdict(list)
    for dialect in dialects:
        for route in dialect.requests:
            operations[route.path, route.method.lower()].append(route.operation)
    components = Components([each for group in operations.values() for each in group], [Ticket])
    anonymous: list[JsonObject] = [] if needs_token else [{}]
    paths: defaultdict[str, JsonObject] = defaultdict(dict)
    paths["/healthz"]["get"] = probe_operation("Whether the bridge lives", ["200"])
    paths["/readyz"]["get"] = probe_operation("Whether sessions can be opened", ["200", "503"])
    for (template, method), group in operations.items():
        for path in expand_path(template, base_paths):
            paths[path][method] = merged_operation(group, components)
    ticket = {**ticket_operation(Ticket, components), "security": [*anonymous, {"bearer": []}]}
    for path in expand_path("{base}/tickets", base_paths):
        paths[path]["post"] = ticket
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version("cedar-voice")},
        "paths": paths,
        "security": [*anonymous, {"bearer": []}, {"ticket": []}, {"token": []}],
        "components": {
            "schemas": components.schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "ticket": {"type": "apiKey", "in": "query", "name": "ticket"},
                "token": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }
