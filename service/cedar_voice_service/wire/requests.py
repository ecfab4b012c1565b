"""Client messages: checked, and turned into session events."""

import cedar_voice.v1 as pb
from cedar_voice_service.errors import CallerError, Code
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import Limits
from cedar_voice_service.wire.config import input_format_of, patch_of


def decode(request: pb.VoiceSessionRequest, limits: Limits) -> on.RequestEvent | None:
    """Decode a message of a running stream; None for an unknown payload.

    Raises:
        CallerError: the message breaks a rule of the contract; the session goes on.
    """
    match request.WhichOneof("payload"):
        case "config":
            opening = request.config
            if opening.HasField("resume") or opening.session_id or opening.history:
                raise CallerError(
                    "session_id, resume and history are read from the first message only",
                    code=Code.PROTOCOL_VIOLATION,
                    field="config",
                )
            return on.Configured(patch_of(request.config, limits))
        case "audio":
            return _audio_of(request.audio, limits)
        case "control":
            return _control_of(request.control, limits)
        case "text":
            return on.TextEntered(_text_of(request.text.text, limits, "text.text"))
        case "playback":
            return on.PlaybackReported(request.playback.response_id, request.playback.played_ms)
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


def _control_of(control: pb.Control, limits: Limits) -> on.RequestEvent | None:
    match control.WhichOneof("command"):
        case "start_listening":
            start = control.start_listening
            audio_format = None
            if start.HasField("format"):
                audio_format = input_format_of(start.format, "start_listening.format")
            return on.ListeningStarted(audio_format, until_stopped=start.until_stopped)
        case "stop_listening":
            return on.ListeningStopped(discard=control.stop_listening.discard)
        case "interrupt":
            interrupt = control.interrupt
            played_ms = interrupt.played_ms if interrupt.HasField("played_ms") else None
            return on.InterruptRequested(interrupt.response_id, played_ms)
        case "create_response":
            instructions = control.create_response.instructions
            return on.ResponseRequested(
                _bounded(instructions, limits, "create_response.instructions")
            )
        case "say":
            return _say_of(control.say, limits)
        case "end_session":
            return on.SessionEnded()
        case _:
            return None


def _say_of(say: pb.Say, limits: Limits) -> on.SpeechRequested:
    return on.SpeechRequested(
        _text_of(say.text, limits, "say.text"),
        is_interruptible=say.interruptible if say.HasField("interruptible") else True,
        is_kept=say.add_to_history if say.HasField("add_to_history") else True,
    )


def _text_of(text: str, limits: Limits, field: str) -> str:
    if not text.strip():
        raise CallerError("text is blank", field=field)
    return _bounded(text, limits, field)


def _bounded(text: str, limits: Limits, field: str) -> str:
    if len(text) > limits.max_text_chars:
        raise CallerError(
            f"text has at most {limits.max_text_chars} characters",
            code=Code.MESSAGE_TOO_LARGE,
            field=field,
        )
    return text
