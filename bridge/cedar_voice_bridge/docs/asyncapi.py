"""What the sockets speak, as an AsyncAPI document."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import get_args

import msgspec

from cedar_voice_bridge.dialects.cedar_websocket import frames
from cedar_voice_bridge.dialects.streaming import translator as streaming
from cedar_voice_bridge.docs.documents import TEXT, TITLE, JsonObject, schemas


def asyncapi(base_paths: Sequence[str]) -> JsonObject:
    """The AsyncAPI document of the WebSocket dialects; `receive` is what the bridge takes."""
    cedar_down = tuple(kind for kind in frames.Event.__subclasses__())
    dialects = [
        *((f"{base}/ws", get_args(frames.UpFrame), cedar_down) for base in base_paths),
        ("/", get_args(streaming.UpFrame), get_args(streaming.DownFrame)),
    ]
    kinds = {kind for _, up, down in dialects for kind in (*up, *down)}
    refs, components = schemas(sorted(kinds, key=lambda kind: kind.__module__ + kind.__name__))
    channels: JsonObject = {}
    operations: JsonObject = {}
    for address, up, down in dialects:
        name = address.strip("/").replace("/", "_") or "root"
        channels[name] = _channel(address, {_key(kind): refs[kind] for kind in (*up, *down)})
        for action, group in (("receive", up), ("send", down)):
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
        "properties": {"sessionId": TEXT, "token": TEXT, "lastSeq": {"type": "string"}},
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
