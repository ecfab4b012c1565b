"""Session messages as protobuf."""

from typing import assert_never

import cedar_voice.v1 as pb
from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.config import Limits, SessionConfig
from cedar_voice_service.session.resume.outbox import Numbered
from cedar_voice_shared.mirror import write


def encode(numbered: Numbered) -> pb.VoiceSessionResponse:
    """Encode a numbered message."""
    response = pb.VoiceSessionResponse(
        sequence=numbered.sequence, turn_id=numbered.turn_id, durable=numbered.durable
    )
    _set_payload(response, numbered.message)
    return response


def encode_error(error: CedarVoiceError, *, is_fatal: bool, client_sequence: int = 0) -> pb.Error:
    """Encode an error; `client_sequence` is the message that caused it, 0 for none."""
    message = pb.Error(fatal=is_fatal, client_sequence=client_sequence)
    write(error, message)
    return message


def encode_ready(config: SessionConfig) -> pb.SessionReady:
    """Encode the configuration in force; the caller adds the session and its place."""
    ready = pb.SessionReady()
    write(config, ready)
    return ready


def encode_limits(limits: Limits) -> pb.Limits:
    """Encode the limits."""
    message = pb.Limits()
    write(limits, message)
    return message


def _set_payload(response: pb.VoiceSessionResponse, message: msg.Message) -> None:
    match message:
        case msg.SpeechActivity(kind, at_ms):
            write({"event": kind, "audio_offset_ms": at_ms}, response.speech)
        case msg.Transcription():
            write(message, response.transcription)
        case msg.ResponseStarted() | msg.ResponseDelta() | msg.ResponseCompleted():
            _set_response_event(response.response, message)
        case msg.OutputAudio():
            write(message, response.audio)
        case msg.ActionRequested(response_id, action):
            response.action.response_id = response_id
            write(action, response.action)
        case msg.Interruption():
            write(message, response.interruption)
        case msg.PlaybackHold():
            write(message, response.hold)
        case msg.Error(error, client_sequence):
            response.error.client_sequence = client_sequence
            write(error, response.error)
        case msg.TurnMetrics():
            write(message, response.metrics)
        case _:
            assert_never(message)


def _set_response_event(
    event: pb.ResponseEvent,
    message: msg.ResponseStarted | msg.ResponseDelta | msg.ResponseCompleted,
) -> None:
    event.response_id = message.response_id
    match message:
        case msg.ResponseStarted():
            write(message, event.started)
        case msg.ResponseDelta():
            write(message, event.delta)
        case msg.ResponseCompleted():
            write(message, event.completed)
        case _:
            assert_never(message)
