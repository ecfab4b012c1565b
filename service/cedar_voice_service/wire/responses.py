"""Session messages as protobuf."""

from typing import assert_never

import cedar_voice.v1 as pb
from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session import messages as say
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


def _set_payload(response: pb.VoiceSessionResponse, message: say.Message) -> None:
    match message:
        case say.SpeechActivity(kind, at_ms):
            write({"event": kind, "audio_offset_ms": at_ms}, response.speech)
        case say.Transcription():
            write(message, response.transcription)
        case say.ResponseStarted() | say.ResponseDelta() | say.ResponseCompleted():
            _set_response_event(response.response, message)
        case say.Speech():
            write(message, response.audio)
        case say.ActionRequested(response_id, action):
            response.action.response_id = response_id
            write(action, response.action)
        case say.Interrupted():
            write(message, response.interruption)
        case say.PlaybackHeld():
            write(message, response.hold)
        case say.Failed(error, client_sequence):
            response.error.client_sequence = client_sequence
            write(error, response.error)
        case say.TurnMetrics():
            write(message, response.metrics)
        case _:
            assert_never(message)


def _set_response_event(
    event: pb.ResponseEvent,
    message: say.ResponseStarted | say.ResponseDelta | say.ResponseCompleted,
) -> None:
    event.response_id = message.response_id
    match message:
        case say.ResponseStarted():
            write(message, event.started)
        case say.ResponseDelta():
            write(message, event.delta)
        case say.ResponseCompleted():
            write(message, event.completed)
        case _:
            assert_never(message)
