"""The frames that tell a browser what the service says."""

import re

import msgspec
import pybase64
from msgspec import UNSET

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket import frames
from cedar_voice_bridge.translation.errors import DialectError, code_name
from cedar_voice_bridge.translation.numbering import number_in
from cedar_voice_shared.mirror import read

_ENCODER = msgspec.json.Encoder()

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
            events: list[frames.Event] = [read(kind, said, **place)]
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
            events = [read(frames.Speech, response.speech, **place)]
        case "interruption":
            events = [read(frames.Interruption, response.interruption, **place)]
        case "hold":
            events = [read(frames.Hold, response.hold, **place)]
        case "metrics":
            events = [read(frames.Metrics, response.metrics, **place)]
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
            return [read(frames.ResponseComplete, completed, **place)]
        case _:
            return []


def _audio(audio: pb.OutputAudio, place: dict[str, int]) -> list[frames.Event]:
    events: list[frames.Event] = []
    if audio.data:
        data = pybase64.b64encode_as_string(audio.data)
        events.append(read(frames.SpokenChunk, audio, data=data, **place))
    if audio.is_last:
        events.append(frames.AudioComplete(response_id=audio.response_id, **place))
    return events


def _failure(error: pb.Error, place: dict[str, int]) -> frames.Failure:
    field = error.field
    for theirs, ours in _MOVED:
        field = field.replace(theirs, ours)
    field = re.sub(r"_([a-z])", lambda match: match[1].upper(), field)
    return read(frames.Failure, error, field=field, **place)


def _ready(ready: pb.SessionReady, received: int) -> frames.Ready:
    encoding = read(frames.AudioFormat, ready.output_audio.format).encoding
    return read(
        frames.Ready,
        ready,
        received=received,
        restored=ready.restored or UNSET,
        output=read(frames.Output, ready.output_audio, encoding=encoding),
    )


def action_request(action: pb.Action, **place: int) -> frames.ActionRequest:
    """The frame that asks the application to act."""
    args = msgspec.json.decode(action.args_json or "[]")
    return read(
        frames.ActionRequest,
        action,
        args=args if isinstance(args, list) else [args],  # clients spread a list, and nothing else
        arguments=msgspec.json.decode(action.arguments_json or "{}"),
        **place,
    )
