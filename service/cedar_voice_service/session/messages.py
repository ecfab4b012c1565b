"""Messages of a session to its client, before they are numbered."""

from dataclasses import dataclass
from enum import Enum

from cedar_voice_service.audio.formats import AudioFormat
from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session.answer_parts import Action, FinishReason, Usage


class SpeechKind(Enum):
    """Kind of speech activity."""

    STARTED = "started"
    STOPPED = "stopped"
    TURN_ENDED = "turn_ended"
    NO_INPUT = "no_input"


class InterruptionReason(Enum):
    """Reason for the interruption of a response."""

    USER_SPEECH = "user_speech"
    CLIENT_REQUEST = "client_request"
    NEW_INPUT = "new_input"
    TURN_REOPENED = "turn_reopened"


@dataclass(frozen=True, slots=True)
class SpeechActivity:
    """A change of the user's speech; `at_ms` is on the timeline of input audio."""

    kind: SpeechKind
    at_ms: int


@dataclass(frozen=True, slots=True)
class Transcription:
    """A transcript of the user's turn; times are on the timeline of input audio.

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
    """A response started; `user_text` is the text that it answers."""

    response_id: int
    user_text: str


@dataclass(frozen=True, slots=True)
class ResponseDelta:
    """More response text."""

    response_id: int
    text: str


@dataclass(frozen=True, slots=True)
class ResponseCompleted:
    """The text of a response is complete."""

    response_id: int
    text: str
    finish_reason: FinishReason
    usage: Usage | None = None
    error: CedarVoiceError | None = None


@dataclass(frozen=True, slots=True)
class OutputAudio:
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
    """The client application is to carry out an action."""

    response_id: int
    action: Action


@dataclass(frozen=True, slots=True)
class Interruption:
    """A response was interrupted; the history keeps `kept_text` of it."""

    response_id: int
    reason: InterruptionReason
    heard_ms: int
    kept_text: str


@dataclass(frozen=True, slots=True)
class PlaybackHold:
    """The client is to pause the playback of a response, keeping its audio, or to resume it."""

    response_id: int
    held: bool


@dataclass(frozen=True, slots=True)
class Error:
    """An error; the session continues."""

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
    | OutputAudio
    | ActionRequested
    | Interruption
    | PlaybackHold
    | Error
    | TurnMetrics
)
