"""The frames that tell a browser what the service says."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
import pybase64
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from msgspec import UNSET

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket import frames
from cedar_voice_bridge.translation.configuration import Settings
from cedar_voice_bridge.translation.errors import DialectError, code_name
from cedar_voice_bridge.translation.numbering import number_in

_ENCODER = msgspec.json.Encoder()
_Frame = TypeVar("_Frame", bound=msgspec.Struct)

# Fields of the contract that have another name or place in the frames.
_MOVED = (
    ("output_audio.format.", "output."),
    ("output_audio.", "output."),
    ("pipeline.", ""),
    ("audio.data", "data"),
    ("text.text", "text"),
    ("say.", ""),
    ("create_response.", ""),
    ("context_json", "context"),
    ("parameters_json_schema", "parameters"),
    ("state_setter.", ""),
)


def greeting(session_id: str) -> str:
    """The frame that tells a browser that it is connected."""
    return encode_frame(frames.Connected(session_id=session_id))


def refusal(error: DialectError) -> str:
    """The frame that tells a browser what is wrong with a frame of its own."""
    failure = frames.Failure(
        code=code_name(error.code),
        message=error.message,
        retryable=False,
        field=error.field,
    )
    return encode_frame(failure)


def frames_of(response: pb.VoiceSessionResponse) -> list[str]:
    """The frames that say what a response says; none for what this dialect does not know."""
    place = {"turn_id": response.turn_id, "seq": response.sequence}
    match response.WhichOneof("payload"):
        case "transcription":
            said = response.transcription
            kind = frames.FinalTranscription if said.is_final else frames.PartialTranscription
            events: list[frames.Event] = [mirror(kind, said, **place)]
        case "response":
            events = _response(response.response, place)
        case "audio":
            events = _audio(response.audio, place)
        case "action":
            events = [action_request(response.action, **place)]
        case "error":
            events = [_failure(response.error, place)]
        case "ready":
            events = [_ready(response.ready, received=number_in(response.ack))]
        case "speech":
            events = [mirror(frames.Speech, response.speech, **place)]
        case "interruption":
            events = [mirror(frames.Interruption, response.interruption, **place)]
        case "hold":
            events = [mirror(frames.Hold, response.hold, **place)]
        case "metrics":
            metrics = response.metrics
            events = [mirror(frames.Metrics, metrics, usage=_usage(metrics), **place)]
        case "token_expiring":
            events = [frames.TokenExpiring(time_left_ms=response.token_expiring.time_left_ms)]
        case "go_away":
            events = [frames.GoAway(time_left_ms=response.go_away.time_left_ms)]
        case "pong":
            pong = response.pong
            events = [
                frames.Pong(
                    sent_at=pong.ping_sent_at_ms,
                    answered_at=pong.sent_at_ms,
                    received=number_in(response.ack),
                )
            ]
        case _:
            events = []
    return [encode_frame(event) for event in events]


def encode_frame(frame: msgspec.Struct) -> str:
    """The frame as JSON."""
    return _ENCODER.encode(frame).decode()


def _response(event: pb.ResponseEvent, place: dict[str, int]) -> list[frames.Event]:
    place = {**place, "response_id": event.response_id}
    match event.WhichOneof("event"):
        case "started":
            return [frames.ResponseStart(**place)]
        case "delta":
            return [frames.ResponseChunk(text=event.delta.text, **place)]
        case "completed":
            completed = event.completed
            if not completed.text and completed.finish_reason != pb.FINISH_REASON_STOP:
                return []  # it ended before its first word; clients would show an empty message
            usage = _usage(completed)
            return [mirror(frames.ResponseComplete, completed, usage=usage, **place)]
        case _:
            return []


def _usage(message: pb.ResponseCompleted | pb.TurnMetrics) -> frames.Usage | None:
    return mirror(frames.Usage, message.usage) if message.HasField("usage") else None


def _audio(audio: pb.OutputAudio, place: dict[str, int]) -> list[frames.Event]:
    events: list[frames.Event] = []
    if audio.data:
        has_format = audio.HasField("format")
        chunk = mirror(
            frames.SpokenChunk,
            audio,
            data=pybase64.b64encode_as_string(audio.data),
            format=mirror(frames.AudioFormat, audio.format) if has_format else None,
            **place,
        )
        events.append(chunk)
    if audio.is_last:
        events.append(frames.AudioComplete(response_id=audio.response_id, **place))
    return events


def _failure(error: pb.Error, place: dict[str, int]) -> frames.Failure:
    field = error.field
    for theirs, ours in _MOVED:
        field = field.replace(theirs, ours)
    field = re.sub(r"_([a-z])", lambda match: match[1].upper(), field)
    return mirror(frames.Failure, error, field=field, **place)


def _ready(ready: pb.SessionReady, received: int) -> frames.Ready:
    encoding = mirror(frames.AudioFormat, ready.output_audio.format).encoding
    return frames.Ready(
        session_id=ready.session_id,
        resumed=ready.resumed,
        received=received,
        restored=ready.restored or UNSET,
        settings=mirror(Settings, ready.settings),
        output=mirror(frames.Output, ready.output_audio, encoding=encoding),
        turn_detection=mirror(frames.TurnDetection, ready.turn_detection),
    )


def action_request(action: pb.Action, **place: int) -> frames.ActionRequest:
    """The frame that asks the application to act."""
    args = msgspec.json.decode(action.args_json or "[]")
    return mirror(
        frames.ActionRequest,
        action,
        args=args if isinstance(args, list) else [args],  # clients spread a list, and nothing else
        arguments=msgspec.json.decode(action.arguments_json or "{}"),
        **place,
    )


def mirror(kind: type[_Frame], message: Message, **known: Any) -> _Frame:
    """A frame with what is known, and with the fields that it shares with a message."""
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
    """Name, presence and, of an enum, the names of its values, such as "server_vad"."""
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
