"""The AsyncAPI document: the frames of the sockets."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version

import msgspec

from cedar_voice_bridge.dialects.operation import TEXT, JsonObject
from cedar_voice_bridge.dialects.protocol import DialectSpec, expand_path
from cedar_voice_bridge.docs.documents import TITLE, schemas


def asyncapi(base_paths: Sequence[str], dialects: Sequence[DialectSpec]) -> JsonObject:
    """Return the AsyncAPI document of the dialects; `receive` is the direction to the bridge."""
    sockets = [
        (path, route)
        for dialect in dialects
        for route in dialect.sockets
        for path in expand_path(route.path, base_paths)
    ]
    kinds = {kind for _, route in sockets for kind in (*route.up_frames, *route.down_frames)}
    refs, components = schemas(sorted(kinds, key=lambda kind: kind.__module__ + kind.__name__))
    channels: JsonObject = {}
    operations: JsonObject = {}
    for path, route in sockets:
        name = path.strip("/").replace("/", "_") or "root"
        frames = (*route.up_frames, *route.down_frames)
        channels[name] = _channel(path, {_key(kind): refs[kind] for kind in frames})
        for action, group in (("receive", route.up_frames), ("send", route.down_frames)):
            operations[f"{name}_{action}"] = _operation(action, name, map(_key, group))
    return {
        "asyncapi": "3.0.0",
        "info": {"title": TITLE, "version": version("cedar-voice")},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": components},
    }


def _key(kind: type[msgspec.Struct]) -> str:
    return kind.__name__


def _channel(address: str, messages: dict[str, JsonObject]) -> JsonObject:
    query = {
        "type": "object",
        "properties": {"sessionId": TEXT, "token": TEXT, "lastSeq": TEXT},
    }
    return {
        "address": address,
        "messages": {name: {"payload": schema} for name, schema in messages.items()},
        "bindings": {"ws": {"method": "GET", "query": query}},
    }


def _operation(action: str, channel: str, messages: Iterable[str]) -> JsonObject:
    place = f"#/channels/{channel}"
    return {
        "action": action,
        "channel": {"$ref": place},
        "messages": [{"$ref": f"{place}/messages/{name}"} for name in messages],
    }
