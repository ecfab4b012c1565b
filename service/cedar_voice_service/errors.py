"""Every error the service raises on purpose. Knows no transport.

CedarVoiceError
├── CallerError           the caller's fault: a message or a value that cannot be accepted
│   ├── BrokenAudio       audio bytes that cannot be decoded
│   └── UnsupportedAudio  audio of a kind that is not decoded
├── EngineError           an engine's fault: a stage of the pipeline failed
│   └── RateLimited       the stage does not serve this user now, who has reached a limit
└── CapacityError         the load's fault: no room for another session
"""

from enum import Enum


class Stage(Enum):
    """Stage of the pipeline, named as in `cedar_voice.v1.PipelineStage`."""

    TRANSPORT = "transport"
    AUDIO_INPUT = "audio_input"
    STT = "stt"
    LLM = "llm"
    TOOL = "tool"
    TTS = "tts"


class Code(Enum):
    """Kind of an error, named as in `cedar_voice.v1.ErrorCode`."""

    INVALID_MESSAGE = "invalid_message"
    INVALID_CONFIG = "invalid_config"
    PROTOCOL_VIOLATION = "protocol_violation"
    UNSUPPORTED_AUDIO_FORMAT = "unsupported_audio_format"
    AUDIO_DECODE_FAILED = "audio_decode_failed"
    MESSAGE_TOO_LARGE = "message_too_large"
    UNAUTHENTICATED = "unauthenticated"
    SESSION_NOT_FOUND = "session_not_found"
    SESSION_TAKEN_OVER = "session_taken_over"
    SESSION_ID_IN_USE = "session_id_in_use"
    OVERLOADED = "overloaded"
    SLOW_CONSUMER = "slow_consumer"
    RATE_LIMITED = "rate_limited"
    STT_FAILED = "stt_failed"
    LLM_FAILED = "llm_failed"
    TTS_FAILED = "tts_failed"
    STAGE_TIMEOUT = "stage_timeout"
    INVALID_ACTION = "invalid_action"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class CedarVoiceError(Exception):
    """Root of the errors raised on purpose.

    Args:
        message: for people, in English; never contains secrets or internals.
        code: for programs.
        stage: that failed.
        retryable: the same request may succeed later.
        retry_after_ms: delay before that request; 0 leaves it to the caller.
        field: path of the offending field, such as "settings.rate".
    """

    def __init__(
        self,
        message: str,
        *,
        code: Code,
        stage: Stage | None = None,
        retryable: bool = False,
        retry_after_ms: int = 0,
        field: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.stage = stage
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms
        self.field = field


class CallerError(CedarVoiceError):
    """The caller sent a message or a value that cannot be accepted."""

    def __init__(
        self,
        message: str,
        *,
        code: Code = Code.INVALID_MESSAGE,
        stage: Stage | None = None,
        field: str = "",
    ) -> None:
        super().__init__(message, code=code, stage=stage, field=field)


class BrokenAudio(CallerError):
    """Audio bytes are not of the encoding that they claim to be, or are damaged beyond repair."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=Code.AUDIO_DECODE_FAILED, stage=Stage.AUDIO_INPUT)


class UnsupportedAudio(CallerError):
    """Input audio is of an encoding, a rate or a layout that is not decoded."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(
            message, code=Code.UNSUPPORTED_AUDIO_FORMAT, stage=Stage.AUDIO_INPUT, field=field
        )


class EngineError(CedarVoiceError):
    """An engine failed; the session survives its turn."""

    def __init__(
        self,
        stage: Stage,
        message: str,
        *,
        code: Code | None = None,
        retryable: bool = True,
        retry_after_ms: int = 0,
    ) -> None:
        super().__init__(
            message,
            code=code or _FAILURE_OF_STAGE.get(stage, Code.INTERNAL),
            stage=stage,
            retryable=retryable,
            retry_after_ms=retry_after_ms,
        )


class RateLimited(EngineError):
    """The user has reached a limit, which the message names."""

    def __init__(self, message: str, stage: Stage, *, retry_after_ms: int) -> None:
        super().__init__(stage, message, code=Code.RATE_LIMITED, retry_after_ms=retry_after_ms)


class CapacityError(CedarVoiceError):
    """No room for another session at present."""

    def __init__(self, message: str, *, retry_after_ms: int) -> None:
        super().__init__(
            message,
            code=Code.OVERLOADED,
            stage=Stage.TRANSPORT,
            retryable=True,
            retry_after_ms=retry_after_ms,
        )


_FAILURE_OF_STAGE = {
    Stage.AUDIO_INPUT: Code.AUDIO_DECODE_FAILED,
    Stage.STT: Code.STT_FAILED,
    Stage.LLM: Code.LLM_FAILED,
    Stage.TTS: Code.TTS_FAILED,
}
