"""What the bridge speaks over HTTP, as an OpenAPI document."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import get_args

import msgspec

from cedar_voice_bridge.auth.gate import Ticket
from cedar_voice_bridge.dialects.cedar_os import translator as cedar_os
from cedar_voice_bridge.dialects.streaming import translator as streaming
from cedar_voice_bridge.dialects.streaming.endpoint import PartialResult
from cedar_voice_bridge.docs.documents import REF, TEXT, TITLE, JsonObject, schemas
from cedar_voice_bridge.http.forms import MAX_PARTS
from cedar_voice_bridge.http.refusals import Problem
from cedar_voice_bridge.translation.configuration import Settings

_BINARY = {"type": "string", "contentMediaType": "application/octet-stream"}
_RECORDING = {**_BINARY, "format": "binary", "minLength": 1}
_NAME = {"type": "string", "minLength": 1}


class Refused(msgspec.Struct):
    """The body of an answer that refuses a request."""

    error: Problem


class UploadRefused(msgspec.Struct):
    """The body of an answer that refuses an upload."""

    error: str


_REASONS = {
    400: "Something is missing or not what it should be",
    401: "The token or ticket is missing, wrong or too old",
    403: "The origin may not use this bridge",
    408: "The body does not arrive",
    409: "The session goes on elsewhere",
    413: "Too large",
    415: "The body is not a form",
    422: "The audio cannot be read",
    429: "More than one user, or one stranger, may have; Retry-After says when to come back",
    500: "A defect of the bridge or the service",
    502: "An engine failed",
    503: "The service is away or full; Retry-After says when to come back",
    504: "An engine took too long",
}
_OF_EVERYBODY = (401, 403, 429, 500)
_OF_A_SESSION = (*_OF_EVERYBODY, 400, 409, 422, 502, 503, 504)
_OF_A_FORM = (*_OF_A_SESSION, 408, 413, 415)
_HEADERS = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}}},
    429: {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}},
    503: {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}},
}


def openapi(base_paths: Sequence[str], *, needs_token: bool = False) -> JsonObject:
    """The OpenAPI document of the HTTP side.

    Args:
        base_paths: under which the voice API is served.
        needs_token: whether the bridge asks who comes.
    """
    kinds = [cedar_os.Answer, Settings, PartialResult, Ticket, Refused, UploadRefused]
    events = {
        "CedarOsEvent": list(get_args(cedar_os.StreamEvent)),
        "StreamedEvent": list(get_args(streaming.DownFrame)),
    }
    refs, components = schemas([*kinds, *(kind for group in events.values() for kind in group)])
    for name, group in events.items():
        components[name] = {"oneOf": [refs[kind] for kind in group]}
    in_address: list[JsonObject] = [{"ticket": []}, {"token": []}]
    anybody: list[JsonObject] = [] if needs_token else [{}]
    paths: JsonObject = {
        "/healthz": {"get": _probe_operation("Whether the bridge lives", ["200"])},
        "/readyz": {"get": _probe_operation("Whether sessions can be opened", ["200", "503"])},
    }
    for base in base_paths:
        paths[base or "/"] = {"post": _answer_operation(refs)}
        paths[f"{base}/stream"] = {"post": _stream_operation(refs)}
        paths[f"{base}/stream-response"] = {"get": _events_operation(refs)}
        by_header = {"security": [*anybody, {"bearer": []}]}
        paths[f"{base}/tickets"] = {"post": {**_ticket_operation(refs), **by_header}}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": version("cedar-voice")},
        "paths": paths,
        "security": [*anybody, {"bearer": []}, *in_address],
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "ticket": {"type": "apiKey", "in": "query", "name": "ticket"},
                "token": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }


def _probe_operation(summary: str, statuses: Sequence[str]) -> JsonObject:
    answer = _response("In words, for people", {"text/plain": TEXT})
    return {"summary": summary, "security": [], "responses": dict.fromkeys(statuses, answer)}


def _answer_operation(refs: dict[type, JsonObject]) -> JsonObject:
    return {
        "summary": "Answer a recording as a whole",
        "requestBody": _form(_object(_recording_fields(refs), ["audio"])),
        "responses": {
            "200": _response(
                "The answer, in the form that Accept prefers",
                {
                    "application/json": refs[cedar_os.Answer],
                    "audio/mpeg": _BINARY,
                    "text/plain": TEXT,
                },
            ),
            "204": {"description": "Audio was asked for, and there is none"},
            **_refusals(refs[Refused], _OF_A_FORM),
        },
    }


def _stream_operation(refs: dict[type, JsonObject]) -> JsonObject:
    fields = {
        **_recording_fields(refs),
        "audioChunk": _RECORDING,
        "isComplete": {"enum": ["true", "false"]},
    }
    last = {
        "required": ["isComplete", "sessionId"],
        "properties": {"isComplete": {"const": "true"}},
    }
    kinds = [{"required": ["audio"]}, {"required": ["audioChunk", "sessionId"]}, last]
    return {
        "summary": "Answer a recording as events (audio), or take a chunk of one (audioChunk)",
        "requestBody": _form({**_object(fields, []), "anyOf": kinds}),
        "responses": {
            "200": _response(
                "Server-sent events, or what is said so far",
                {
                    "text/event-stream": _events("CedarOsEvent"),
                    "application/json": refs[PartialResult],
                },
            ),
            **_refusals({"anyOf": [refs[Refused], refs[UploadRefused]]}, _OF_A_FORM),
        },
    }


def _events_operation(refs: dict[type, JsonObject]) -> JsonObject:
    return {
        "summary": "What a session says, as server-sent events",
        "parameters": [
            {"name": "sessionId", "in": "query", "required": True, "schema": _NAME},
            {"name": "lastEventId", "in": "query", "schema": TEXT},
            {"name": "Last-Event-ID", "in": "header", "schema": TEXT},
        ],
        "responses": {
            "200": _response(
                "Server-sent events",
                {"text/event-stream": _events("StreamedEvent")},
            ),
            **_refusals(refs[Refused], _OF_A_SESSION),
        },
    }


def _ticket_operation(refs: dict[type, JsonObject]) -> JsonObject:
    return {
        "summary": "A ticket, which stands for the token in one address, once",
        "responses": {
            "200": _response("The ticket", {"application/json": refs[Ticket]}),
            **_refusals(refs[Refused], _OF_EVERYBODY),
        },
    }


def _recording_fields(refs: dict[type, JsonObject]) -> JsonObject:
    return {
        "audio": _RECORDING,
        "settings": refs[Settings],
        "context": {"description": "Any JSON value"},
        "resourceId": TEXT,
        "threadId": TEXT,
        "sessionId": _NAME,
    }


def _object(properties: JsonObject, required: Sequence[str]) -> JsonObject:
    return {"type": "object", "properties": properties, "required": list(required)}


def _form(schema: JsonObject) -> JsonObject:
    encoding = {name: {"contentType": "application/json"} for name in ("settings", "context")}
    fields = {"propertyNames": {"minLength": 1}, "maxProperties": MAX_PARTS}
    form = {"schema": {**schema, **fields}, "encoding": encoding}
    return {"required": True, "content": {"multipart/form-data": form}}


def _response(description: str, content: JsonObject) -> JsonObject:
    content_schemas = {kind: {"schema": schema} for kind, schema in content.items()}
    return {"description": description, "content": content_schemas}


def _events(name: str) -> JsonObject:
    """Of a server-sent event: its data is one line of JSON."""
    schema = {"$ref": REF.format(name=name)}
    data = {**TEXT, "contentMediaType": "application/json", "contentSchema": schema}
    return _object({"data": data, "id": TEXT}, ["data"])


def _refusals(schema: JsonObject, statuses: Sequence[int]) -> JsonObject:
    return {
        str(status): {
            **_response(_REASONS[status], {"application/json": schema}),
            "headers": _HEADERS.get(status, {}),
        }
        for status in sorted(statuses)
    }
