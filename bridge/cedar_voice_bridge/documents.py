"""What the bridge speaks, as documents for programs: OpenAPI for HTTP, AsyncAPI for the sockets.

The schemas are those of the frames themselves, so neither can say what the other does not.
"""

from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from typing import Any, get_args

import msgspec
from aiohttp import web

from cedar_voice_bridge.dialects import cedar_os, streaming
from cedar_voice_bridge.dialects.cedar_websocket import frames
from cedar_voice_bridge.dialects.configuration import Settings
from cedar_voice_bridge.entrance import Ticket
from cedar_voice_bridge.refusals import Problem
from cedar_voice_bridge.streaming import PartialResult

JsonObject = dict[str, Any]

TITLE = "Cedar Voice bridge"
_REF = "#/components/schemas/{name}"
_BINARY = {"type": "string", "contentMediaType": "application/octet-stream"}
_TEXT = {"type": "string"}


class Refused(msgspec.Struct):
    """The body of an answer that refuses a request."""

    error: Problem


class UploadRefused(msgspec.Struct):
    """The body of an answer that refuses an upload."""

    error: str


def openapi(base_paths: Sequence[str]) -> JsonObject:
    """The OpenAPI document of the HTTP side."""
    kinds = [cedar_os.Answer, Settings, PartialResult, Ticket, Refused, UploadRefused]
    events = {
        "CedarOsEvent": list(get_args(cedar_os.StreamEvent)),
        "StreamedEvent": list(get_args(streaming.DownFrame)),
    }
    refs, components = _schemas([*kinds, *(kind for group in events.values() for kind in group)])
    for name, group in events.items():
        components[name] = {"oneOf": [refs[kind] for kind in group]}
    paths: JsonObject = {}
    for base in base_paths:
        paths[base or "/"] = {"post": _answer_operation(refs)}
        paths[f"{base}/stream"] = {"post": _stream_operation(refs)}
        paths[f"{base}/stream-response"] = {"get": _events_operation(refs)}
        paths[f"{base}/tickets"] = {"post": _ticket_operation(refs)}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version("cedar-voice")},
        "paths": paths,
        "security": [{}, {"bearer": []}],
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def asyncapi(base_paths: Sequence[str]) -> JsonObject:
    """The AsyncAPI document of the WebSocket dialects; `receive` is what the bridge takes."""
    cedar_down = tuple(kind for kind in frames.Event.__subclasses__())
    dialects = [
        *((f"{base}/ws", get_args(frames.UpFrame), cedar_down) for base in base_paths),
        ("/", get_args(streaming.UpFrame), get_args(streaming.DownFrame)),
    ]
    kinds = {kind for _, up, down in dialects for kind in (*up, *down)}
    refs, components = _schemas(sorted(kinds, key=lambda kind: kind.__module__ + kind.__name__))
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


def routes(base_paths: Sequence[str]) -> list[web.RouteDef]:
    """One route for each document."""
    return [
        web.get("/openapi.json", _serve(openapi(base_paths))),
        web.get("/asyncapi.json", _serve(asyncapi(base_paths))),
    ]


def _serve(document: JsonObject) -> Callable[[web.Request], Any]:
    body = msgspec.json.encode(document)

    async def serve(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    return serve


def _schemas(kinds: Sequence[type]) -> tuple[dict[type, JsonObject], JsonObject]:
    """References to the schemas of these types, and the schemas."""
    refs, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    return dict(zip(kinds, refs, strict=True)), dict(components)


# -- HTTP ------------------------------------------------------------------------------------------


def _answer_operation(refs: dict[type, JsonObject]) -> JsonObject:
    return {
        "summary": "Answer a recording as a whole",
        "requestBody": _form(_recording_fields(refs), required=["audio"]),
        "responses": {
            "200": _response(
                "The answer, in the form that Accept prefers",
                {
                    "application/json": refs[cedar_os.Answer],
                    "audio/mpeg": _BINARY,
                    "text/plain": _TEXT,
                },
            ),
            "204": {"description": "Audio was asked for, and there is none"},
            **_refusals(refs[Refused]),
        },
    }


def _stream_operation(refs: dict[type, JsonObject]) -> JsonObject:
    chunk_fields = {
        "audioChunk": _BINARY,
        "sessionId": _TEXT,
        "isComplete": {"enum": ["true", "false"]},
        "settings": _as_text(refs[Settings]),
        "context": _TEXT,
    }
    recording, chunk = _recording_fields(refs), chunk_fields
    schema = {"anyOf": [_object(recording, ["audio"]), _object(chunk, ["sessionId"])]}
    events = {"$ref": _REF.format(name="CedarOsEvent")}
    return {
        "summary": "Answer a recording as events (audio), or take a chunk of one (audioChunk)",
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
        "responses": {
            "200": _response(
                "Events, each the data of a server-sent event; or what is said so far",
                {"text/event-stream": events, "application/json": refs[PartialResult]},
            ),
            **_refusals({"anyOf": [refs[Refused], refs[UploadRefused]]}),
        },
    }


def _events_operation(refs: dict[type, JsonObject]) -> JsonObject:
    return {
        "summary": "What a session says, as server-sent events",
        "parameters": [
            {"name": "sessionId", "in": "query", "required": True, "schema": _TEXT},
            {"name": "token", "in": "query", "schema": _TEXT},
            {"name": "ticket", "in": "query", "schema": _TEXT},
            {"name": "lastEventId", "in": "query", "schema": _TEXT},
            {"name": "Last-Event-ID", "in": "header", "schema": _TEXT},
        ],
        "responses": {
            "200": _response(
                "Events, each the data of a server-sent event",
                {"text/event-stream": {"$ref": _REF.format(name="StreamedEvent")}},
            ),
            **_refusals(refs[Refused]),
        },
    }


def _ticket_operation(refs: dict[type, JsonObject]) -> JsonObject:
    return {
        "summary": "A ticket, which stands for the token in one address, once",
        "responses": {
            "200": _response("The ticket", {"application/json": refs[Ticket]}),
            **_refusals(refs[Refused]),
        },
    }


def _recording_fields(refs: dict[type, JsonObject]) -> JsonObject:
    return {
        "audio": _BINARY,
        "settings": _as_text(refs[Settings]),
        "context": _TEXT,
        "resourceId": _TEXT,
        "threadId": _TEXT,
        "sessionId": _TEXT,
    }


def _as_text(schema: JsonObject) -> JsonObject:
    return {**_TEXT, "contentMediaType": "application/json", "contentSchema": schema}


def _object(properties: JsonObject, required: Sequence[str]) -> JsonObject:
    return {"type": "object", "properties": properties, "required": list(required)}


def _form(properties: JsonObject, required: Sequence[str]) -> JsonObject:
    schema = _object(properties, required)
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _response(description: str, content: JsonObject) -> JsonObject:
    schemas = {kind: {"schema": schema} for kind, schema in content.items()}
    return {"description": description, "content": schemas}


def _refusals(schema: JsonObject) -> JsonObject:
    reasons = {
        "400": "Something is missing or not what it should be",
        "401": "The token is missing or wrong",
        "403": "The origin may not use this bridge",
        "413": "Too large",
        "422": "The audio cannot be read",
        "429": "More than one user may have; Retry-After says when to come back",
        "502": "An engine failed",
        "503": "The service is away; Retry-After says when to come back",
    }
    return {
        status: _response(reason, {"application/json": schema})
        for status, reason in reasons.items()
    }


# -- sockets ---------------------------------------------------------------------------------------


def _key(kind: type[msgspec.Struct]) -> str:
    return kind.__name__


def _channel(address: str, messages: dict[str, JsonObject]) -> JsonObject:
    query = {
        "type": "object",
        "properties": {"sessionId": _TEXT, "token": _TEXT, "lastSeq": {"type": "string"}},
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
