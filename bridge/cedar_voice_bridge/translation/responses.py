"""JSON frames from messages of the contract. Pure."""

from typing import TypeVar

import msgspec

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation import frames
from cedar_voice_shared.mirror import read

_ENCODER = msgspec.json.Encoder()


def encode_frame(frame: msgspec.Struct) -> str:
    """Return the frame as JSON."""
    return _ENCODER.encode(frame).decode()


Request = TypeVar("Request", bound=frames.ActionRequest)


def action_request(kind: type[Request], action: pb.Action, **place: int) -> Request:
    """Return the frame that requests an action of the application.

    Args:
        kind: class of the frame.
        action: the action of the contract.
        place: turn and sequence number of the event.
    """
    args = msgspec.json.decode(action.args_json or "[]")
    return read(
        kind,
        action,
        args=args if isinstance(args, list) else [args],  # clients spread a list, and nothing else
        arguments=msgspec.json.decode(action.arguments_json or "{}"),
        **place,
    )
