"""Between the contract's messages and the dataclasses of this package. Pure.

A dataclass mirrors a message: fields of the same name carry the same value. So there is one reader
and one writer for all of them, and a field that one side lacks is a failed test.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache, partial
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

from google.protobuf.message import Message

import cedar_voice.v1 as pb
from cedar_voice_client import events
from cedar_voice_client.enums import WireEnum
from cedar_voice_client.options import SessionOptions, Tool

_T = TypeVar("_T")

EVENT_OF_PAYLOAD: Mapping[str, type[events.Event]] = {
    "ready": events.Ready,
    "transcription": events.Transcription,
    "audio": events.AudioChunk,
    "action": events.Action,
    "error": events.ErrorEvent,
    "speech": events.SpeechActivity,
    "interruption": events.Interruption,
    "metrics": events.TurnMetrics,
    "go_away": events.GoAway,
    "token_expiring": events.TokenExpiring,
    "pong": events.Pong,
    "hold": events.PlaybackHold,
}
EVENT_OF_RESPONSE: Mapping[str, type[events.Event]] = {
    "started": events.ResponseStarted,
    "delta": events.ResponseDelta,
    "completed": events.ResponseCompleted,
}


def event_from_proto(response: pb.VoiceSessionResponse) -> events.Event | None:
    """The event in a message of the server; None when this version does not know it."""
    payload = response.WhichOneof("payload")
    place = {
        "term": response.term,
        "sequence": response.sequence,
        "turn_id": response.turn_id,
    }
    if payload == "response":
        kind = response.response.WhichOneof("event")
        if kind is None:
            return None
        part = getattr(response.response, kind)
        return read(
            EVENT_OF_RESPONSE[kind], part, response_id=response.response.response_id, **place
        )
    if payload is None:
        return None
    return read(EVENT_OF_PAYLOAD[payload], getattr(response, payload), **place)


def config_from_options(options: SessionOptions) -> pb.SessionConfig:
    """The configuration message that says what the options say.

    Raises:
        TypeError: a value has the wrong type, or is not JSON where JSON is wanted.
        ValueError: a number does not fit its field.
    """
    config = pb.SessionConfig()
    write(replace(options, tools=None), config)
    write(options, config.settings)
    write(options, config.pipeline)
    if options.context is not None:
        config.context_json = _json(options.context)
    if options.tools is not None:
        config.tools.SetInParent()
        for tool in options.tools:
            _write_tool(tool, config.tools.tools.add())
    return config


def _write_tool(tool: Tool, message: pb.ToolDefinition) -> None:
    write(tool, message)
    if tool.parameters is not None:
        message.parameters_json_schema = _json(tool.parameters)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read(kind: Callable[..., _T], message: Message, **known: object) -> _T:
    """Build a dataclass from the message it mirrors, and from what is already known of it."""
    in_message = message.DESCRIPTOR.fields_by_name
    values = {
        name: take(message, name)
        for name, take in _takers(kind).items()
        if name in in_message and name not in known
    }
    return kind(**values, **known)


def write(value: Any, message: Message) -> None:
    """Set the fields of a message that a dataclass has too and that are not None."""
    in_message = message.DESCRIPTOR.fields_by_name
    for name in (field.name for field in fields(value) if field.name in in_message):
        item = getattr(value, name)
        if item is None:
            continue
        if is_dataclass(item):
            getattr(message, name).SetInParent()
            write(item, getattr(message, name))
        elif isinstance(item, tuple):
            getattr(message, name).extend(item)
        else:
            setattr(message, name, item.value if isinstance(item, WireEnum) else item)


_Taker = Callable[[Message, str], Any]


@cache
def _takers(kind: Any) -> Mapping[str, _Taker]:
    return {field.name: _taker(field.type) for field in fields(kind)}


def _taker(declared: Any) -> _Taker:
    """How to take a field of the declared type out of a message."""
    choices = get_args(declared)
    if NoneType in choices:
        convert = _converter(next(choice for choice in choices if choice is not NoneType))
        return lambda message, name: (
            convert(getattr(message, name)) if message.HasField(name) else None
        )
    convert = _converter(declared)
    return lambda message, name: convert(getattr(message, name))


def _converter(declared: Any) -> Callable[[Any], Any]:
    """How to turn a value of a message into one of the declared type."""
    if get_origin(declared) is tuple:
        convert_item = _converter(get_args(declared)[0])
        return lambda items: tuple(map(convert_item, items))
    if isinstance(declared, type) and is_dataclass(declared):
        return partial(read, declared)
    return declared if issubclass(declared, WireEnum) else _as_it_is


def _as_it_is(value: Any) -> Any:
    return value
