"""The context of an application, and the tools that Cedar lists in it. Pure."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

import cedar_voice.v1 as pb

ARGUMENT = "value"
"""Name of the only argument of a setter whose schema is not that of an object."""

_NAME_CHARS = 64
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{_NAME_CHARS}}}")


def context_of(text: str) -> str:
    """Return the context of a form field as JSON; text that is no JSON becomes a JSON string."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return msgspec.json.encode(text).decode()
    return unwrap_context(text)


def is_object(context: msgspec.Raw) -> bool:
    """Whether a context was sent as a JSON object, not as a string that may hold one."""
    return bytes(context).lstrip().startswith(b"{")


def unwrap_context(context_json: str) -> str:
    """Return the context with an object in place of a string that holds the object's JSON.

    Some clients encode their context twice.
    """
    if not context_json.startswith('"'):
        return context_json
    inner = msgspec.json.decode(context_json, type=str)
    return inner if isinstance(_parsed(inner), dict) else context_json


def tools_in(context_json: str) -> pb.ToolSet | None:
    """Return a tool for each state setter and each frontend tool that Cedar lists in its context.

    None for a context that lists neither. A tool is left out if its name is no name for a language
    model, or its arguments have no names: the application knows the tool by nothing else.
    """
    context = _parsed(context_json)
    if not isinstance(context, dict):
        return None
    listed = [context.get("frontendTools"), context.get("stateSetters")]
    if not any(isinstance(group, dict) for group in listed):
        return None
    functions, setters = (group if isinstance(group, dict) else {} for group in listed)
    tools: dict[str, pb.ToolDefinition] = {}
    for name, function in functions.items():
        if isinstance(function, dict) and _NAME.fullmatch(name):
            tools.update(_function_of(name, function))
    for setter_key, setter in setters.items():
        if isinstance(setter, dict) and isinstance(setter.get("stateKey"), str):
            name = _free_name(setter_key, tools)
            tools[name] = _setter_of(name, setter_key, setter)
    return pb.ToolSet(tools=tools.values())


def _function_of(name: str, function: dict[str, Any]) -> dict[str, pb.ToolDefinition]:
    schema, definitions = _schema_of(function.get("argsSchema"))
    if schema is None:
        schema = {"type": "object"}
    if schema.get("type") != "object":
        return {}
    tool = _described(name, function)
    tool.parameters_json_schema = msgspec.json.encode({**definitions, **schema}).decode()
    return {name: tool}


def _free_name(setter_key: str, used: Mapping[str, object]) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]", "_", setter_key)[:_NAME_CHARS] or "setter"
    candidate, number = name, 1
    while candidate in used:
        number += 1
        candidate = f"{name[: _NAME_CHARS - 8]}_{number}"
    return candidate


def _described(name: str, described: dict[str, Any]) -> pb.ToolDefinition:
    description = described.get("description")
    return pb.ToolDefinition(
        name=name, description=description if isinstance(description, str) else ""
    )


def _setter_of(name: str, setter_key: str, setter: dict[str, Any]) -> pb.ToolDefinition:
    """Return the tool of a setter, which has one parameter: an object is passed as it is."""
    tool = _described(name, setter)
    tool.state_setter.state_key = setter["stateKey"]
    tool.state_setter.setter_key = setter_key
    schema, definitions = _schema_of(setter.get("argsSchema"))
    if schema is None or schema.get("type") != "object":
        required = [ARGUMENT] if schema else []
        schema = {"type": "object", "properties": {ARGUMENT: schema or {}}, "required": required}
        tool.state_setter.argument_order.append(ARGUMENT)
    tool.parameters_json_schema = msgspec.json.encode({**definitions, **schema}).decode()
    return tool


def _schema_of(schema: Any) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Return a schema and the definitions beside it, with a reference to a definition resolved."""
    if not isinstance(schema, dict):
        return None, {}
    definitions = schema.get("definitions")
    if not isinstance(definitions, dict):
        return schema, {}
    name = str(schema.get("$ref", "")).removeprefix("#/definitions/")
    inner = definitions.get(name)
    if not isinstance(inner, dict):
        inner = {key: value for key, value in schema.items() if key != "definitions"}
    return inner, {"definitions": definitions}


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
