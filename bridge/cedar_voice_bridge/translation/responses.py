"""JSON frames from messages of the contract. Pure."""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation import frames

_ENCODER = msgspec.json.Encoder()
_Frame = TypeVar("_Frame", bound=msgspec.Struct)


def encode_frame(frame: msgspec.Struct) -> str:
    """Return the frame as JSON."""
    return _ENCODER.encode(frame).decode()


def action_request(action: pb.Action, **place: int) -> frames.ActionRequest:
    """Return the frame that requests an action of the application.

    Args:
        action: the action of the contract.
        place: turn and sequence number of the event.
    """
    args = msgspec.json.decode(action.args_json or "[]")
    return mirror(
        frames.ActionRequest,
        action,
        args=args if isinstance(args, list) else [args],  # clients spread a list, and nothing else
        arguments=msgspec.json.decode(action.arguments_json or "{}"),
        **place,
    )


def mirror(kind: type[_Frame], message: Message, **known: Any) -> _Frame:
    """Return a frame with the fields that its type shares with a message.

    Args:
        kind: type of the frame.
        message: a message of the contract.
        known: values that are not copied from the message.
    """
    values = {}
    for name, has_presence, names in _shared_fields(kind, message.DESCRIPTOR):
        if name not in known and (not has_presence or message.HasField(name)):
            value = getattr(message, name)
            values[name] = names.get(value, "") if names else value
    return kind(**values, **known)


@cache
def _shared_fields(
    kind: type[msgspec.Struct], message: Descriptor
) -> tuple[tuple[str, bool, Mapping[int, str]], ...]:
    """Return name, presence and, for an enum, the names of its values, such as "server_vad"."""
    return tuple(
        (field.name, field.has_presence, _names(field.enum_type) if field.enum_type else {})
        for field in message.fields
        if field.name in kind.__struct_fields__
    )


def _names(enum: Any) -> Mapping[int, str]:
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return {
        value.number: value.name.removeprefix(prefix).lower()
        for value in enum.values
        if value.number
    }
