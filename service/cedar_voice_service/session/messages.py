"""Everything a session says to its caller, before it is numbered."""

from dataclasses import dataclass
from enum import Enum

from cedar_voice_service.audio.formats import AudioFormat
from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session.tools import Action


class SpeechKind(Enum):
    """Kind of speech activity."""

    STARTED = "started"
    STOPPED = "stopped"
    TURN_ENDED = "turn_ended"
    NO_INPUT = "no_input"


class FinishReason(Enum):
    """Why a response ended."""

    STOP = "stop"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    MAX_TOKENS = "max_tokens"
    CONTENT_FILTER = "content_filter"
    ERROR = "error"


class InterruptionReason(Enum):
    """Why a response was cut off."""

    USER_SPEECH = "user_speech"
    CLIENT_REQUEST = "client_request"
    NEW_INPUT = "new_input"
    TURN_REOPENED = "turn_reopened"


@dataclass(frozen=True, slots=True)
class SpeechActivity:
    """The user's speech, as heard; `at_ms` is on the timeline of input audio."""

    kind: SpeechKind
    at_ms: int


@dataclass(frozen=True, slots=True)
class Transcription:
    """What the user is saying or said; times are on the timeline of input audio.

    Later partials and the final of the turn only extend `stable_text`, which begins `text`. After a
    final that `continues` the user speaks on beyond the longest turn: the next turn is the rest.
    """

    text: str
    is_final: bool
    confidence: float | None
    start_ms: int
    end_ms: int
    stable_text: str = ""
    continues: bool = False


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """A response began; `user_text` is what it answers."""

    response_id: int
    user_text: str


@dataclass(frozen=True, slots=True)
class ResponseDelta:
    """More response text."""

    response_id: int
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens consumed by a response."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def total_tokens(self) -> int:
        """Tokens of prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class ResponseCompleted:
    """The text of a response is over."""

    response_id: int
    text: str
    finish_reason: FinishReason
    usage: Usage | None = None
    error: CedarVoiceError | None = None


@dataclass(frozen=True, slots=True)
class Speech:
    """A chunk of answer audio; `format` is set on the first chunk of a response."""

    response_id: int
    data: bytes
    offset_ms: int
    duration_ms: int
    text: str = ""
    format: AudioFormat | None = None
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class ActionRequested:
    """The client application must do something."""

    response_id: int
    action: Action


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A response was cut off; `kept_text` is what the history keeps of it."""

    response_id: int
    reason: InterruptionReason
    heard_ms: int
    kept_text: str


@dataclass(frozen=True, slots=True)
class PlaybackHeld:
    """The client is to pause playback of a response and keep what it has, or to go on."""

    response_id: int
    held: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """Something went wrong; the session goes on."""

    error: CedarVoiceError
    client_sequence: int = 0


@dataclass(frozen=True, slots=True)
class TurnMetrics:
    """Timings and counters of a finished turn, in milliseconds; None where a stage did not run."""

    response_latency_ms: int | None = None
    endpointing_ms: int | None = None
    stt_final_ms: int | None = None
    llm_first_token_ms: int | None = None
    llm_total_ms: int | None = None
    tts_first_audio_ms: int | None = None
    turn_total_ms: int | None = None
    input_audio_ms: int = 0
    output_audio_ms: int = 0
    interrupted: bool = False
    first_phrase_ms: int | None = None
    first_heard_ms: int | None = None
    speech_ms: int = 0
    stt_audio_ms: int | None = None
    usage: Usage | None = None
    drafts: int = 0
    dropped_drafts: int = 0
    dropped_draft_tokens: int = 0


Message = (
    SpeechActivity
    | Transcription
    | ResponseStarted
    | ResponseDelta
    | ResponseCompleted
    | Speech
    | ActionRequested
    | Interrupted
    | PlaybackHeld
    | Failed
    | TurnMetrics
)
