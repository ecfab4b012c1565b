"""What clients of every dialect configure: settings, context, and the tools found in it."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Struct

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation.contract_fields import with_fields_of
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_shared import options

ARGUMENT = "value"
"""Name of the one argument of a setter that does not take an object."""

_NAME_CHARS = 64
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{_NAME_CHARS}}}")


@with_fields_of(pb.VoiceSettings, options.VoiceSettings)
class Settings(Struct):
    """Voice settings, named as in the contract."""


def chunk_by_chunk_config(session_id: str) -> pb.SessionConfig:
    """How a session opens whose client plays every chunk on arrival, in an element of its own."""
    return pb.SessionConfig(
        session_id=session_id,
        output_audio=pb.OutputAudioConfig(
            format=pb.AudioFormat(encoding=pb.AUDIO_ENCODING_MP3),
            framing=pb.CHUNK_FRAMING_SELF_CONTAINED,
            max_lead_ms=0,
        ),
        turn_detection=pb.TurnDetection(mode=pb.TURN_DETECTION_MODE_SERVER_VAD),
    )


def is_chunk_by_chunk(output: pb.OutputAudioConfig) -> bool:
    """Whether the output in force is that of a client which says nothing of it."""
    is_ahead = output.max_lead_ms > 0 or output.supports_hold
    return output.framing == pb.CHUNK_FRAMING_SELF_CONTAINED and not is_ahead


def set_values(struct: Struct) -> dict[str, Any]:
    """The values that are set; fields are named as in the contract."""
    values = msgspec.structs.asdict(struct)
    return {name: value for name, value in values.items() if value is not UNSET}


def settings_of(text: str) -> pb.VoiceSettings:
    """Settings as a form carries them: JSON text.

    Raises:
        DialectError: they are not JSON, or one of them is of another type.
    """
    try:
        return pb.VoiceSettings(**set_values(msgspec.json.decode(text, type=Settings)))
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        place = f"settings{path.removesuffix('`')}"
        raise _invalid(f"{place}: {problem[:1].lower()}{problem[1:]}", place) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _invalid("settings: is not valid JSON", "settings") from None


def context_of(text: str) -> str:
    """Context as a form carries it, an object or any text, as JSON."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return msgspec.json.encode(text).decode()
    return unwrap_context(text)


def unwrap_context(context_json: str) -> str:
    """The context as JSON; a client that has made a string of its object means the object."""
    if not context_json.startswith('"'):
        return context_json
    inner = msgspec.json.decode(context_json, type=str)
    return inner if isinstance(_parsed(inner), dict) else context_json


def tools_in(context_json: str) -> pb.ToolSet | None:
    """A tool for each state setter and each tool that Cedar lists in its context.

    None when it has no list of either. A tool that a model could not call by its name, or whose
    arguments have no names, is left out: the application knows it by nothing else.
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


def _free_name(setter_key: str, taken: Mapping[str, object]) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]", "_", setter_key)[:_NAME_CHARS] or "setter"
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name[: _NAME_CHARS - 8]}_{number}"
    return candidate


def _described(name: str, described: dict[str, Any]) -> pb.ToolDefinition:
    description = described.get("description")
    return pb.ToolDefinition(
        name=name, description=description if isinstance(description, str) else ""
    )


def _setter_of(name: str, setter_key: str, setter: dict[str, Any]) -> pb.ToolDefinition:
    """The setter takes its argument as one parameter: an object goes over as it is."""
    tool = _described(name, setter)
    tool.state_setter.state_key = setter["stateKey"]
    tool.state_setter.setter_key = setter_key
    schema, definitions = _schema_of(setter.get("argsSchema"))
    if schema is None or schema.get("type") != "object":
        wanted = [ARGUMENT] if schema else []
        schema = {"type": "object", "properties": {ARGUMENT: schema or {}}, "required": wanted}
        tool.state_setter.argument_order.append(ARGUMENT)
    tool.parameters_json_schema = msgspec.json.encode({**definitions, **schema}).decode()
    return tool


def _schema_of(schema: Any) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The schema itself and the definitions beside it, where it is only a reference to one."""
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


def _invalid(message: str, path: str) -> DialectError:
    return DialectError(message, code=pb.ERROR_CODE_INVALID_CONFIG, field=path)
