"""Requests over HTTP as OpenAPI describes them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cedar_voice_bridge.http.refusals import Refused

JsonObject = dict[str, Any]

TEXT: JsonObject = {"type": "string"}
NAME: JsonObject = {"type": "string", "minLength": 1}
BINARY: JsonObject = {"type": "string", "contentMediaType": "application/octet-stream"}
RECORDING: JsonObject = {**BINARY, "format": "binary", "minLength": 1}


@dataclass(frozen=True, slots=True)
class EventSchema:
    """Server-sent events: the data of each is one line of JSON, of one of these types.

    The name is that of the union in OpenAPI.
    """

    name: str
    types: tuple[type[msgspec.Struct], ...]


Schema = JsonObject | type[msgspec.Struct] | EventSchema
"""A schema itself, or a type that has one."""


@dataclass(frozen=True, slots=True)
class FormSchema:
    """A form of a request: its fields, and JSON schemas of which one must hold.

    Such a schema names fields as required.
    """

    fields: Mapping[str, Schema]
    alternatives: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """One request over HTTP.

    `result` describes a response of status 200, `content` has its schema by media type. A `refusal`
    is the body of a response to a request that is refused; `other_results` describes further
    responses without a body, by status.
    """

    summary: str
    result: str
    content: Mapping[str, Schema]
    form: FormSchema | None = None
    parameters: tuple[JsonObject, ...] = ()
    refusal: type[msgspec.Struct] = Refused
    other_results: Mapping[str, str] = field(default_factory=dict)
