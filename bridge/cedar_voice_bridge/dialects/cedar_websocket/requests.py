"""Requests of the contract from frames of the Cedar WebSocket dialect. Pure."""

import msgspec

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket import frames
from cedar_voice_bridge.translation.configuration import set_values
from cedar_voice_bridge.translation.requests import (
    audio_of,
    control_request,
    read_frame,
    unnumbered_values,
)
from cedar_voice_bridge.translation.requests import requests_of as common_requests_of

_DECODER: msgspec.json.Decoder[frames.UpFrame] = msgspec.json.Decoder(frames.UpFrame)


def read(frame: str) -> frames.UpFrame:
    """Return the frame with checked types.

    Raises:
        DialectError: the frame is not JSON, of an unknown type, or has an invalid field.
    """
    message: frames.UpFrame = read_frame(frame, _DECODER)
    return message


def requests_of(frame: frames.UpFrame) -> list[pb.VoiceSessionRequest]:
    """Return the requests that a frame stands for; none for `auth`.

    Raises:
        DialectError: a value is invalid.
    """
    match frame:
        case frames.AudioChunk(data=data):
            return audio_of(data)
        case frames.Say():
            return [control_request(say=pb.Say(**unnumbered_values(frame)))]
        case frames.CreateResponse(instructions=instructions):
            create = pb.CreateResponse(instructions=instructions)
            return [control_request(create_response=create)]
        case frames.Playback():
            return [pb.VoiceSessionRequest(playback=pb.PlaybackReport(**set_values(frame)))]
        case frames.Ping(sent_at=sent_at, last_seq=last_seq):
            return [pb.VoiceSessionRequest(ack=last_seq, ping=pb.Ping(sent_at_ms=sent_at))]
        case _:
            return common_requests_of(frame)
