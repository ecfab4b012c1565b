"""The operations of the OpenAPI document: forms, responses and refusals."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cedar_voice_bridge.dialects.operation import (
    TEXT,
    EventSchema,
    FormSchema,
    JsonObject,
    Operation,
    Schema,
)
from cedar_voice_bridge.docs.documents import REF, schemas
from cedar_voice_bridge.http.forms import MAX_PARTS
from cedar_voice_bridge.http.refusals import Refused

_REASONS = {
    400: "A field is missing or invalid",
    401: "The token or ticket is missing, invalid or expired",
    403: "The origin may not use this bridge",
    408: "The body does not arrive in time",
    409: "The session has moved elsewhere",
    413: "Too large",
    415: "The body is not a form",
    422: "The audio cannot be decoded",
    429: "Over the limit of a user, or of an address; Retry-After has the wait in seconds",
    500: "A defect of the bridge or the service",
    502: "An engine failed",
    503: "The service is away or full; Retry-After has the wait in seconds",
    504: "An engine timed out",
}
_OF_EVERY_REQUEST = (401, 403, 429, 500)
_OF_A_SESSION = (*_OF_EVERY_REQUEST, 400, 409, 422, 502, 503, 504)
_OF_A_FORM = (*_OF_A_SESSION, 408, 413, 415)
_HEADERS = {
    401: {"WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}}},
    429: {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}},
    503: {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}},
}


class Components:
    """The schemas of all types in the operations, and references to them.

    Args:
        operations: of all dialects.
        others: types beside those of the dialects.
    """

    def __init__(
        self, operations: Iterable[Operation], others: Iterable[type[msgspec.Struct]]
    ) -> None:
        kinds: dict[type, None] = dict.fromkeys([*others, Refused])
        unions: dict[str, EventSchema] = {}
        for operation in operations:
            fields = operation.form.fields if operation.form else {}
            for schema in (operation.refusal, *operation.content.values(), *fields.values()):
                if isinstance(schema, EventSchema):
                    unions[schema.name] = schema
                    kinds |= dict.fromkeys(schema.types)
                elif isinstance(schema, type):
                    kinds[schema] = None
        self._refs, self.schemas = schemas(list(kinds))
        for name, union in unions.items():
            self.schemas[name] = {"oneOf": [self._refs[kind] for kind in union.types]}

    def resolve(self, schema: Schema) -> JsonObject:
        """Return a schema as JSON, with references to the components in it."""
        if isinstance(schema, EventSchema):
            union = {"$ref": REF.format(name=schema.name)}
            data = {**TEXT, "contentMediaType": "application/json", "contentSchema": union}
            return _object({"data": data, "id": TEXT}, ["data"])
        return self._refs[schema] if isinstance(schema, type) else schema


def merged_operation(operations: Sequence[Operation], components: Components) -> JsonObject:
    """Return one operation for all those of a path and a method."""
    merged: JsonObject = {
        "summary": "; ".join(operation.summary for operation in operations),
        "responses": _responses(operations, components),
    }
    if forms := [operation.form for operation in operations if operation.form]:
        merged["requestBody"] = _form(forms, components)
    if parameters := [each for operation in operations for each in operation.parameters]:
        merged["parameters"] = parameters
    return merged


def probe_operation(summary: str, statuses: Iterable[str]) -> JsonObject:
    """Return the operation of a probe, which needs no credentials."""
    answer = _response("A sentence for people", {"text/plain": TEXT})
    return {"summary": summary, "security": [], "responses": dict.fromkeys(statuses, answer)}


def ticket_operation(ticket: type[msgspec.Struct], components: Components) -> JsonObject:
    """Return the operation that issues a ticket."""
    return {
        "summary": "Issue a ticket, which replaces the token in one address, once",
        "responses": {
            "200": _response("The ticket", {"application/json": components.resolve(ticket)}),
            **_refusals(components.resolve(Refused), _OF_EVERY_REQUEST),
        },
    }


def _responses(operations: Sequence[Operation], components: Components) -> JsonObject:
    results = "; ".join(dict.fromkeys(operation.result for operation in operations))
    content = {
        kind: components.resolve(schema)
        for operation in operations
        for kind, schema in operation.content.items()
    }
    others = {
        status: {"description": description}
        for operation in operations
        for status, description in operation.other_results.items()
    }
    bodies = [components.resolve(each) for each in {each.refusal: None for each in operations}]
    refusal = bodies[0] if len(bodies) == 1 else {"anyOf": bodies}
    statuses = _OF_A_FORM if any(operation.form for operation in operations) else _OF_A_SESSION
    return {"200": _response(results, content), **others, **_refusals(refusal, statuses)}


def _form(forms: Sequence[FormSchema], components: Components) -> JsonObject:
    """Return the body of a request: the fields of all forms, and their alternatives."""
    fields = {
        name: components.resolve(schema) for form in forms for name, schema in form.fields.items()
    }
    alternatives = [each for form in forms for each in form.alternatives]
    schema = _object(fields, [])
    schema |= alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}
    limits = {"propertyNames": {"minLength": 1}, "maxProperties": MAX_PARTS}
    encoding = {name: {"contentType": "application/json"} for name in ("settings", "context")}
    body = {"schema": {**schema, **limits}, "encoding": encoding}
    return {"required": True, "content": {"multipart/form-data": body}}


def _object(properties: JsonObject, required: Sequence[str]) -> JsonObject:
    return {"type": "object", "properties": properties, "required": list(required)}


def _response(description: str, content: Mapping[str, JsonObject]) -> JsonObject:
    content_schemas = {kind: {"schema": schema} for kind, schema in content.items()}
    return {"description": description, "content": content_schemas}


def _refusals(schema: JsonObject, statuses: Iterable[int]) -> JsonObject:
    return {
        str(status): {
            **_response(_REASONS[status], {"application/json": schema}),
            "headers": _HEADERS.get(status, {}),
        }
        for status in sorted(statuses)
    }
