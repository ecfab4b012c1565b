"""Client messages: checked, and turned into events."""

import cedar_voice.v1 as pb
from cedar_voice_service.errors import CallerError, Code
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import Limits
from cedar_voice_service.wire.config import input_format_of, patch_of


def decode(request: pb.VoiceSessionRequest, limits: Limits) -> on.RequestEvent | None:
    """What a message of a running stream means; None for a payload that is not known.

    Raises:
        CallerError: the message breaks a rule of the contract; the session goes on.
    """
    match request.WhichOneof("payload"):
        case "config":
            if request.config.HasField("resume") or request.config.session_id:
                raise CallerError(
                    "session_id and resume are read from the first message only",
                    code=Code.PROTOCOL_VIOLATION,
                    field="config",
                )
            return on.Configured(patch_of(request.config, limits))
        case "audio":
            return _audio_of(request.audio, limits)
        case "control":
            return _control_of(request.control)
        case "text":
            return _text_of(request.text, limits)
        case "ping":
            return on.Pinged(request.ping.sent_at_ms)
        case _:
            return None


def _audio_of(audio: pb.InputAudio, limits: Limits) -> on.AudioReceived:
    if not audio.data:
        raise CallerError("audio without data", field="audio.data")
    if len(audio.data) > limits.max_audio_chunk_bytes:
        raise CallerError(
            f"an audio chunk has at most {limits.max_audio_chunk_bytes} bytes",
            code=Code.MESSAGE_TOO_LARGE,
            field="audio.data",
        )
    return on.AudioReceived(audio.data)


def _control_of(control: pb.Control) -> on.RequestEvent | None:
    match control.WhichOneof("command"):
        case "start_listening":
            start = control.start_listening
            if not start.HasField("format"):
                return on.ListeningStarted()
            return on.ListeningStarted(input_format_of(start.format, "start_listening.format"))
        case "stop_listening":
            return on.ListeningStopped(discard=control.stop_listening.discard)
        case "interrupt":
            interrupt = control.interrupt
            played_ms = interrupt.played_ms if interrupt.HasField("played_ms") else None
            return on.InterruptRequested(interrupt.response_id, played_ms)
        case "end_session":
            return on.SessionEnded()
        case _:
            return None


def _text_of(text: pb.TextInput, limits: Limits) -> on.TextEntered:
    if not text.text.strip():
        raise CallerError("text is blank", field="text.text")
    if len(text.text) > limits.max_text_chars:
        raise CallerError(
            f"text has at most {limits.max_text_chars} characters",
            code=Code.MESSAGE_TOO_LARGE,
            field="text.text",
        )
    return on.TextEntered(text.text)
