"""Everything a session asks its shell to do."""

from dataclasses import dataclass

from cedar_voice_service.audio.formats import AudioFormat
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.history import HistoryItem
from cedar_voice_service.session.messages import Message


@dataclass(frozen=True, slots=True)
class Send:
    """Say something to the caller; `turn_id` is that of the event that caused it, 0 for none."""

    message: Message
    turn_id: int = 0


@dataclass(frozen=True, slots=True)
class ApplyConfig:
    """A new configuration is in force: tune the ear and tell the caller."""

    config: SessionConfig


@dataclass(frozen=True, slots=True)
class BeginRecording:
    """The following audio is a new recording of this format."""

    format: AudioFormat


@dataclass(frozen=True, slots=True)
class EndRecording:
    """What still comes of the recording is not wanted."""


@dataclass(frozen=True, slots=True)
class StartTranscribing:
    """Recognize what is heard from `from_ms` on, until told to finish."""

    work_id: int
    from_ms: int
    language: str


@dataclass(frozen=True, slots=True)
class FinishTranscribing:
    """The utterance is over; the final transcription is wanted."""

    work_id: int


@dataclass(frozen=True, slots=True)
class StartReplying:
    """Answer the conversation: write, and speak unless the client speaks itself."""

    work_id: int
    config: SessionConfig
    history: tuple[HistoryItem, ...]


@dataclass(frozen=True, slots=True)
class StartReciting:
    """Speak a text as it is."""

    work_id: int
    config: SessionConfig
    text: str


@dataclass(frozen=True, slots=True)
class CancelWork:
    """Stop this work, and everything it began."""

    work_id: int


@dataclass(frozen=True, slots=True)
class PurgeSpeech:
    """Drop audio of this response and older ones that no stream has taken yet."""

    response_id: int


@dataclass(frozen=True, slots=True)
class CloseStream:
    """The caller has ended its input and has everything it will get."""


Command = (
    Send
    | ApplyConfig
    | BeginRecording
    | EndRecording
    | StartTranscribing
    | FinishTranscribing
    | StartReplying
    | StartReciting
    | CancelWork
    | PurgeSpeech
    | CloseStream
)
