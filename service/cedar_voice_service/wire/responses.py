"""Session messages as protobuf."""

from typing import assert_never

import cedar_voice.v1 as pb
from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session import messages as say
from cedar_voice_service.session.answer_parts import Usage
from cedar_voice_service.session.config import Limits, SessionConfig
from cedar_voice_service.session.resume.outbox import Numbered
from cedar_voice_service.wire.enums import (
    CODE_TO_PB,
    FINISH_TO_PB,
    FRAMING_TO_PB,
    INTERRUPTION_TO_PB,
    MODE_TO_PB,
    SPEECH_TO_PB,
    STAGE_TO_PB,
    audio_format_to_pb,
)


def encode(numbered: Numbered) -> pb.VoiceSessionResponse:
    """A numbered message."""
    response = pb.VoiceSessionResponse(
        sequence=numbered.sequence, turn_id=numbered.turn_id, durable=numbered.durable
    )
    _set_payload(response, numbered.message)
    return response


def encode_error(error: CedarVoiceError, *, is_fatal: bool, client_sequence: int = 0) -> pb.Error:
    """An error as the caller sees it."""
    return pb.Error(
        code=CODE_TO_PB[error.code],
        message=error.message,
        retryable=error.retryable,
        fatal=is_fatal,
        retry_after_ms=error.retry_after_ms,
        stage=STAGE_TO_PB[error.stage] if error.stage else pb.PIPELINE_STAGE_UNSPECIFIED,
        client_sequence=client_sequence,
        field=error.field,
    )


def encode_ready(config: SessionConfig) -> pb.SessionReady:
    """The configuration in force; who and where is filled in by the caller."""
    settings, detection, output = config.settings, config.turn_detection, config.output_audio
    return pb.SessionReady(
        settings=pb.VoiceSettings(
            language=settings.language,
            voice_id=settings.voice_id,
            pitch=settings.pitch,
            rate=settings.rate,
            volume=settings.volume,
            use_browser_tts=settings.use_browser_tts,
            auto_add_to_messages=settings.auto_add_to_messages,
            stream=settings.stream,
        ),
        output_audio=pb.OutputAudioConfig(
            format=audio_format_to_pb(output.format),
            framing=FRAMING_TO_PB[output.framing],
            max_lead_ms=output.max_lead_ms,
            supports_hold=output.supports_hold,
        ),
        turn_detection=pb.TurnDetection(
            mode=MODE_TO_PB[detection.mode],
            threshold=detection.threshold,
            prefix_padding_ms=detection.prefix_padding_ms,
            silence_duration_ms=detection.silence_duration_ms,
            min_speech_ms=detection.min_speech_ms,
            max_utterance_ms=detection.max_utterance_ms,
            no_input_timeout_ms=detection.no_input_timeout_ms,
            create_response=detection.create_response,
            interrupt_response=detection.interrupt_response,
            min_interruption_ms=detection.min_interruption_ms,
            adaptive=detection.adaptive,
        ),
    )


def encode_limits(limits: Limits) -> pb.Limits:
    """The limits as a message."""
    return pb.Limits(**{name: getattr(limits, name) for name in Limits.__slots__})


def _set_payload(response: pb.VoiceSessionResponse, message: say.Message) -> None:
    match message:
        case say.SpeechActivity(kind, at_ms):
            response.speech.event = SPEECH_TO_PB[kind]
            response.speech.audio_offset_ms = at_ms
        case say.Transcription():
            response.transcription.CopyFrom(_transcription(message))
        case say.ResponseStarted() | say.ResponseDelta() | say.ResponseCompleted():
            response.response.CopyFrom(_response(message))
        case say.Speech():
            response.audio.CopyFrom(_speech(message))
        case say.ActionRequested():
            response.action.CopyFrom(_action(message))
        case say.Interrupted(response_id, reason, heard_ms, kept_text):
            response.interruption.response_id = response_id
            response.interruption.reason = INTERRUPTION_TO_PB[reason]
            response.interruption.heard_ms = heard_ms
            response.interruption.kept_text = kept_text
        case say.PlaybackHeld(response_id, held):
            response.hold.response_id = response_id
            response.hold.held = held
        case say.Failed(error, client_sequence):
            response.error.CopyFrom(
                encode_error(error, is_fatal=False, client_sequence=client_sequence)
            )
        case say.TurnMetrics():
            response.metrics.CopyFrom(_metrics(message))
        case _:
            assert_never(message)


def _transcription(message: say.Transcription) -> pb.Transcription:
    return pb.Transcription(
        text=message.text,
        is_final=message.is_final,
        confidence=message.confidence,
        start_ms=message.start_ms,
        end_ms=message.end_ms,
        stable_text=message.stable_text,
        continues=message.continues,
    )


def _response(
    message: say.ResponseStarted | say.ResponseDelta | say.ResponseCompleted,
) -> pb.ResponseEvent:
    event = pb.ResponseEvent(response_id=message.response_id)
    match message:
        case say.ResponseStarted(user_text=user_text):
            event.started.user_text = user_text
        case say.ResponseDelta(text=text):
            event.delta.text = text
        case say.ResponseCompleted(text=text, finish_reason=reason, usage=usage, error=error):
            event.completed.text = text
            event.completed.finish_reason = FINISH_TO_PB[reason]
            if usage is not None:
                event.completed.usage.CopyFrom(_usage(usage))
            if error is not None:
                event.completed.error.CopyFrom(encode_error(error, is_fatal=False))
        case _:
            assert_never(message)
    return event


def _usage(usage: Usage) -> pb.Usage:
    return pb.Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
    )


def _speech(message: say.Speech) -> pb.OutputAudio:
    return pb.OutputAudio(
        response_id=message.response_id,
        data=message.data,
        is_last=message.is_last,
        offset_ms=message.offset_ms,
        duration_ms=message.duration_ms,
        format=audio_format_to_pb(message.format) if message.format else None,
        text=message.text,
    )


def _action(message: say.ActionRequested) -> pb.Action:
    action = message.action
    return pb.Action(
        action_id=action.action_id,
        state_key=action.state_key,
        setter_key=action.setter_key,
        args_json=action.args_json,
        tool_name=action.tool_name,
        arguments_json=action.arguments_json,
        response_id=message.response_id,
    )


def _metrics(message: say.TurnMetrics) -> pb.TurnMetrics:
    return pb.TurnMetrics(
        response_latency_ms=message.response_latency_ms,
        endpointing_ms=message.endpointing_ms,
        stt_final_ms=message.stt_final_ms,
        llm_first_token_ms=message.llm_first_token_ms,
        llm_total_ms=message.llm_total_ms,
        tts_first_audio_ms=message.tts_first_audio_ms,
        turn_total_ms=message.turn_total_ms,
        input_audio_ms=message.input_audio_ms,
        output_audio_ms=message.output_audio_ms,
        interrupted=message.interrupted,
        first_phrase_ms=message.first_phrase_ms,
        first_heard_ms=message.first_heard_ms,
        speech_ms=message.speech_ms,
        stt_audio_ms=message.stt_audio_ms,
        usage=_usage(message.usage) if message.usage else None,
        drafts=message.drafts,
        dropped_drafts=message.dropped_drafts,
        dropped_draft_tokens=message.dropped_draft_tokens,
    )
