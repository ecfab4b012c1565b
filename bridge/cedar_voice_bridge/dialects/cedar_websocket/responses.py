"""Frames of the Cedar WebSocket dialect from responses of the contract. Pure."""

import re

import pybase64
from msgspec import UNSET

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket import frames
from cedar_voice_bridge.translation.errors import DialectError, code_name
from cedar_voice_bridge.translation.frames import ActionRequest, Event, Output
from cedar_voice_bridge.translation.numbering import number_in
from cedar_voice_bridge.translation.responses import action_request, encode_frame
from cedar_voice_shared.mirror import read

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
    """Return the frame that confirms the connection of a browser."""
    return encode_frame(frames.Connected(session_id=session_id))


def refusal(error: DialectError) -> str:
    """Return the frame that reports an error in a frame of the browser."""
    failure = frames.Failure(
        code=code_name(error.code),
        message=error.message,
        retryable=False,
        field=error.field,
    )
    return encode_frame(failure)


def frames_of(response: pb.VoiceSessionResponse, *, sets_state: bool = False) -> list[str]:
    """Return the frames of a response; none for a payload that the dialect does not know.

    Args:
        response: the response.
        sets_state: whether the client receives actions on its state as `setState`.
    """
    place = {"turn_id": response.turn_id, "seq": response.sequence}
    match response.WhichOneof("payload"):
        case "transcription":
            events: list[Event] = [_transcription(response.transcription, place)]
        case "response":
            events = _response(response.response, place)
        case "audio":
            events = _audio(response.audio, place)
        case "action":
            is_setter = sets_state and response.action.state_key
            kind = frames.SetState if is_setter else ActionRequest
            events = [action_request(kind, response.action, **place)]
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


def _transcription(transcription: pb.Transcription, place: dict[str, int]) -> Event:
    if transcription.is_final:
        return read(frames.FinalTranscription, transcription, **place)
    return read(frames.PartialTranscription, transcription, **place)


def _response(event: pb.ResponseEvent, place: dict[str, int]) -> list[Event]:
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


def _audio(audio: pb.OutputAudio, place: dict[str, int]) -> list[Event]:
    events: list[Event] = []
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
        output=read(Output, ready.output_audio, encoding=encoding),
    )
