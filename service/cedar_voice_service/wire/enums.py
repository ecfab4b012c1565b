"""Enums of the session vocabulary and of the contract: the same names, prefixed in protobuf."""

import cedar_voice.v1 as pb
from cedar_voice_service.audio.formats import AudioFormat, Encoding, Framing
from cedar_voice_service.errors import Code, Stage
from cedar_voice_service.session.answer_parts import FinishReason
from cedar_voice_service.session.config import TurnMode
from cedar_voice_service.session.messages import InterruptionReason, SpeechKind

CODE_TO_PB = {code: pb.ErrorCode.Value(f"ERROR_CODE_{code.name}") for code in Code}
STAGE_TO_PB = {stage: pb.PipelineStage.Value(f"PIPELINE_STAGE_{stage.name}") for stage in Stage}
SPEECH_TO_PB = {kind: pb.SpeechEvent.Value(f"SPEECH_EVENT_{kind.name}") for kind in SpeechKind}
FINISH_TO_PB = {
    reason: pb.FinishReason.Value(f"FINISH_REASON_{reason.name}") for reason in FinishReason
}
INTERRUPTION_TO_PB = {
    reason: pb.InterruptionReason.Value(f"INTERRUPTION_REASON_{reason.name}")
    for reason in InterruptionReason
}
MODE_TO_PB = {
    mode: pb.TurnDetectionMode.Value(f"TURN_DETECTION_MODE_{mode.name}") for mode in TurnMode
}
FRAMING_TO_PB = {
    framing: pb.ChunkFraming.Value(f"CHUNK_FRAMING_{framing.name}") for framing in Framing
}
ENCODING_TO_PB = {
    encoding: pb.AudioEncoding.Value(f"AUDIO_ENCODING_{encoding.name}")
    for encoding in Encoding
    if encoding is not Encoding.AUTO
} | {Encoding.AUTO: pb.AUDIO_ENCODING_UNSPECIFIED}

# An unknown number is read as the unspecified value, and that as the default.
MODE_FROM_PB = {number: mode for mode, number in MODE_TO_PB.items()}
FRAMING_FROM_PB = {number: framing for framing, number in FRAMING_TO_PB.items()}
ENCODING_FROM_PB = {number: encoding for encoding, number in ENCODING_TO_PB.items()}


def audio_format_to_pb(audio_format: AudioFormat) -> pb.AudioFormat:
    """The format as a message."""
    return pb.AudioFormat(
        encoding=ENCODING_TO_PB[audio_format.encoding],
        sample_rate_hz=audio_format.sample_rate_hz,
        channel_count=audio_format.channel_count,
    )


def audio_format_from_pb(message: pb.AudioFormat) -> AudioFormat:
    """The format that a client asks for."""
    return AudioFormat(
        ENCODING_FROM_PB.get(message.encoding, Encoding.AUTO),
        message.sample_rate_hz,
        message.channel_count,
    )
