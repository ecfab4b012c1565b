"""The enumerations of the contract as Python enums; each value is its number on the wire.

A number unknown to this version is read as `UNSPECIFIED`, as the contract requires.
"""

from enum import Enum


class WireEnum(Enum):
    """An enumeration whose unknown numbers read as its zero value."""

    @classmethod
    def _missing_(cls, value: object) -> "WireEnum":
        if not isinstance(value, int):
            raise ValueError(f"{value!r} is not a number of {cls.__name__}")
        return cls(0)


class AudioEncoding(WireEnum):
    """Codec and container of audio. Of input audio, `UNSPECIFIED` is detected from the bytes."""

    UNSPECIFIED = 0
    PCM_S16LE = 1
    OGG_OPUS = 6
    WEBM_OPUS = 7
    MP4 = 8
    MP3 = 9
    FLAC = 10
    WAV = 11


class ChunkFraming(WireEnum):
    """Whether each chunk of answer audio can be decoded on its own."""

    UNSPECIFIED = 0
    CONTINUOUS = 1
    SELF_CONTAINED = 2
    WHOLE = 3


class TurnDetectionMode(WireEnum):
    """End of the user's turn: by the client (`MANUAL`), or by the server after a silence."""

    UNSPECIFIED = 0
    MANUAL = 1
    SERVER_VAD = 2


class FinishReason(WireEnum):
    """Reason for the end of a response."""

    UNSPECIFIED = 0
    STOP = 1
    INTERRUPTED = 2
    CANCELLED = 3
    MAX_TOKENS = 4
    CONTENT_FILTER = 5
    ERROR = 6


class SpeechEvent(WireEnum):
    """Speech activity of the user in the input audio, or its absence (`NO_INPUT`)."""

    UNSPECIFIED = 0
    STARTED = 1
    STOPPED = 2
    TURN_ENDED = 3
    NO_INPUT = 4


class InterruptionReason(WireEnum):
    """Reason for the interruption of a response."""

    UNSPECIFIED = 0
    USER_SPEECH = 1
    CLIENT_REQUEST = 2
    NEW_INPUT = 3
    TURN_REOPENED = 4
    SESSION_RESTORED = 5


class PipelineStage(WireEnum):
    """Stage of the pipeline."""

    UNSPECIFIED = 0
    TRANSPORT = 1
    AUDIO_INPUT = 2
    STT = 3
    LLM = 4
    TOOL = 5
    TTS = 6


class ErrorCode(WireEnum):
    """Kind of an error, for programs."""

    UNSPECIFIED = 0
    INVALID_MESSAGE = 1
    INVALID_CONFIG = 2
    PROTOCOL_VIOLATION = 3
    UNSUPPORTED_AUDIO_FORMAT = 5
    AUDIO_DECODE_FAILED = 6
    MESSAGE_TOO_LARGE = 7
    UNAUTHENTICATED = 20
    SESSION_NOT_FOUND = 30
    SESSION_TAKEN_OVER = 32
    SESSION_ID_IN_USE = 33
    OVERLOADED = 41
    SLOW_CONSUMER = 42
    RATE_LIMITED = 43
    STT_FAILED = 50
    LLM_FAILED = 51
    TTS_FAILED = 52
    STAGE_TIMEOUT = 53
    INVALID_ACTION = 56
    UNAVAILABLE = 60
    INTERNAL = 61
