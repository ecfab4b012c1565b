"""Everything that can happen to a session.

Three families: what the caller does, what the ear hears, what the work reports. Times of
the ear are milliseconds of input audio since the session began.
"""

from dataclasses import dataclass

from cedar_voice_service.audio.formats import AudioFormat
from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session.answer_parts import Action, FinishReason, SpokenChunk, Usage
from cedar_voice_service.session.config_patch import ConfigPatch

# -- what the caller does ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Configured:
    """The client changed its configuration."""

    patch: ConfigPatch


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """Bytes of microphone audio arrived, as the client encoded them.

    For the shell's ear, which turns it into `EarEvent`s; the machine sees only those.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class ListeningStarted:
    """The client begins a listening period; None keeps the configured format."""

    format: AudioFormat | None = None


@dataclass(frozen=True, slots=True)
class ListeningStopped:
    """The client ends the listening period."""

    discard: bool = False


@dataclass(frozen=True, slots=True)
class TextEntered:
    """The user typed."""

    text: str


@dataclass(frozen=True, slots=True)
class InterruptRequested:
    """The client stops a response, 0 for whichever is in progress."""

    response_id: int = 0
    played_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ResponseRequested:
    """The client wants an answer to the conversation as it stands."""

    instructions: str = ""


@dataclass(frozen=True, slots=True)
class SpeechRequested:
    """The client wants a text spoken as it is."""

    text: str
    is_interruptible: bool = True
    is_kept: bool = True
    """Whether the history keeps it."""


@dataclass(frozen=True, slots=True)
class PlaybackReported:
    """The client has played this much of a response."""

    response_id: int
    played_ms: int


@dataclass(frozen=True, slots=True)
class Pinged:
    """The client probes for life; `sent_at_ms` is its own clock. Answered by the shell."""

    sent_at_ms: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The client ends the session for good. Done by the shell."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """A stream was attached to the session: input may come again."""


@dataclass(frozen=True, slots=True)
class InputEnded:
    """The client half-closed its stream: no more input on it."""


# -- what the ear hears ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AudioHeard:
    """Input audio was decoded up to `end_ms`."""

    end_ms: int


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Speech was detected; it began at `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Speech gave way to silence at `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class InputRefused:
    """Something the client sent cannot be accepted; the session goes on."""

    error: CedarVoiceError
    client_sequence: int = 0


@dataclass(frozen=True, slots=True)
class InputLost:
    """Sound was lost with the process that decodes it; what follows may be heard again."""

    error: CedarVoiceError
    client_sequence: int = 0


# -- what the work reports; each piece of it, a recognizer or an answer, has a number ------------


@dataclass(frozen=True, slots=True)
class AudioSent:
    """The recognizer was sent more audio; see `providers.protocols.AudioSent`."""

    work_id: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class PartialTranscribed:
    """The recognizer believes this so far; see `Hypothesis` for what the fields mean."""

    work_id: int
    text: str
    confidence: float | None = None
    stable_text: str = ""
    is_settled: bool = False


@dataclass(frozen=True, slots=True)
class FinalTranscribed:
    """The recognizer is done."""

    work_id: int
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    """The recognizer failed."""

    work_id: int
    error: CedarVoiceError


@dataclass(frozen=True, slots=True)
class ReplyWritten:
    """The model wrote more text, of about so many tokens."""

    work_id: int
    text: str
    token_count: int = 1


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model called a declared tool with valid arguments."""

    work_id: int
    call_id: str
    action: Action


@dataclass(frozen=True, slots=True)
class ToolRefused:
    """The model called a tool in a way that cannot become an action."""

    work_id: int
    error: CedarVoiceError


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The model is done."""

    work_id: int
    finish_reason: FinishReason
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The model failed; what it wrote before is spoken."""

    work_id: int
    error: CedarVoiceError


@dataclass(frozen=True, slots=True)
class SynthesisStarted:
    """The first phrase was given to the synthesizer."""

    work_id: int


@dataclass(frozen=True, slots=True)
class SpeechSynthesized:
    """More answer audio is ready; `format` is that of the whole response."""

    work_id: int
    chunks: tuple[SpokenChunk, ...]
    format: AudioFormat


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """All answer audio is ready."""

    work_id: int


@dataclass(frozen=True, slots=True)
class SpeechFailed:
    """The synthesizer failed; the text of the answer is unaffected."""

    work_id: int
    error: CedarVoiceError


@dataclass(frozen=True, slots=True)
class WorkFailed:
    """The work of the turn broke in a way nobody foresaw."""

    work_id: int
    error: CedarVoiceError


# -- time --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The deadline that the machine named has come."""

    is_client_away: bool = False
    """Whether no stream is attached to the session."""


WorkEvent = (
    PartialTranscribed
    | AudioSent
    | FinalTranscribed
    | TranscriptionFailed
    | ReplyWritten
    | ToolCalled
    | ToolRefused
    | ReplyEnded
    | ReplyFailed
    | SynthesisStarted
    | SpeechSynthesized
    | SpeechEnded
    | SpeechFailed
    | WorkFailed
)

InputEvent = (
    ListeningStarted | ListeningStopped | StreamOpened | InputEnded | InputRefused | InputLost
)

WishEvent = (
    Configured
    | TextEntered
    | InterruptRequested
    | ResponseRequested
    | SpeechRequested
    | PlaybackReported
)

CallerEvent = InputEvent | WishEvent

RequestEvent = CallerEvent | AudioReceived | Pinged | SessionEnded

EarEvent = AudioHeard | SpeechBegan | SpeechPaused

Event = CallerEvent | EarEvent | WorkEvent | TimePassed
