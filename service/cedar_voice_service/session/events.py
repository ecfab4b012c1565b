"""Events of a session: messages of the client, detected speech, reports of engines, time.

Times of detected speech are milliseconds of input audio since the session began.
"""

from dataclasses import dataclass

from cedar_voice_service.audio.formats import AudioFormat
from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.session.answer_parts import Action, FinishReason, SpokenChunk, Usage
from cedar_voice_service.session.config_patch import ConfigPatch

# -- messages of the client ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Configured:
    """The client changed its configuration."""

    patch: ConfigPatch


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """Bytes of microphone audio arrived, as the client encoded them.

    The shell decodes it and reports `SpeechEvent`s.
    """

    data: bytes


@dataclass(frozen=True, slots=True)
class ListeningStarted:
    """The client begins a listening period; None keeps the configured format."""

    format: AudioFormat | None = None
    until_stopped: bool = False
    """Whether silence ends no turn of the period."""


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
    """The client requests an answer to the conversation so far."""

    instructions: str = ""


@dataclass(frozen=True, slots=True)
class SpeechRequested:
    """The client requests that a given text be spoken."""

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
    """The client pings; `sent_at_ms` is by its own clock. Answered by the shell."""

    sent_at_ms: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The client ends the session for good."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """A stream was attached to the session: input may come again."""


@dataclass(frozen=True, slots=True)
class InputEnded:
    """The client half-closed its stream: no more input on it."""


# -- detected speech ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AudioAdvanced:
    """Input audio was decoded up to `end_ms`."""

    end_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech was detected; it began at `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Speech gave way to silence at `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class InputRejected:
    """A client message cannot be accepted; the session continues."""

    error: CedarVoiceError
    client_sequence: int = 0


@dataclass(frozen=True, slots=True)
class AudioLost:
    """Audio was lost with the process that decoded it; later audio may be decoded again."""

    error: CedarVoiceError
    client_sequence: int = 0


# -- reports of work; each piece of it, a recognizer or an answer, has a number ------------


@dataclass(frozen=True, slots=True)
class AudioSent:
    """The recognizer was sent more audio; see `providers.protocols.AudioSent`."""

    work_id: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class PartialTranscribed:
    """A partial transcript of the recognizer; see `Hypothesis` for the fields."""

    work_id: int
    text: str
    confidence: float | None = None
    stable_text: str = ""
    is_settled: bool = False


@dataclass(frozen=True, slots=True)
class FinalTranscribed:
    """The final transcript of the recognizer."""

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
    """The model made a tool call that cannot become an action."""

    work_id: int
    error: CedarVoiceError


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The text of the model is complete."""

    work_id: int
    finish_reason: FinishReason
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The model failed; the text before is spoken."""

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
    """The work failed because of a defect."""

    work_id: int
    error: CedarVoiceError


# -- time --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The deadline of the session has passed."""

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
    ListeningStarted | ListeningStopped | StreamOpened | InputEnded | InputRejected | AudioLost
)

ClientRequest = (
    Configured
    | TextEntered
    | InterruptRequested
    | ResponseRequested
    | SpeechRequested
    | PlaybackReported
)

ClientEvent = InputEvent | ClientRequest

RequestEvent = ClientEvent | AudioReceived | Pinged | SessionEnded

SpeechEvent = AudioAdvanced | SpeechStarted | SpeechStopped

Event = ClientEvent | SpeechEvent | WorkEvent | TimePassed


@dataclass(frozen=True, slots=True)
class ClientMessage:
    """A message of the client with its sequence number, and the last event that the client has.

    `event` is None where the message carries nothing else, or nothing that is known.
    """

    event: RequestEvent | None
    sequence: int = 0
    ack: int = 0
