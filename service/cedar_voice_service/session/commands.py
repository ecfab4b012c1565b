"""Commands of a session to the shell that runs it."""

from dataclasses import dataclass

from cedar_voice_service.audio.formats import AudioFormat
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.history import HistoryItem
from cedar_voice_service.session.messages import Message


@dataclass(frozen=True, slots=True)
class Send:
    """A message for the client is in the outbox; `turn_id` is that of its cause, 0 for none."""

    message: Message
    turn_id: int = 0


@dataclass(frozen=True, slots=True)
class ApplyConfig:
    """Apply a new configuration to speech detection, and notify the client."""

    config: SessionConfig


@dataclass(frozen=True, slots=True)
class BeginRecording:
    """Start a new recording of this format with the audio that follows."""

    format: AudioFormat


@dataclass(frozen=True, slots=True)
class EndRecording:
    """Ignore audio that still comes of the recording."""


@dataclass(frozen=True, slots=True)
class StartTranscribing:
    """Transcribe the input audio from `from_ms` on, until `FinishTranscribing`."""

    work_id: int
    from_ms: int
    language: str


@dataclass(frozen=True, slots=True)
class FinishTranscribing:
    """End the audio of the recognizer, which reports the final transcription."""

    work_id: int


@dataclass(frozen=True, slots=True)
class StartReplying:
    """Answer the conversation with a text, and with speech unless the client synthesizes it."""

    work_id: int
    config: SessionConfig
    history: tuple[HistoryItem, ...]


@dataclass(frozen=True, slots=True)
class StartSaying:
    """Speak a given text."""

    work_id: int
    config: SessionConfig
    text: str


@dataclass(frozen=True, slots=True)
class CancelWork:
    """Cancel a piece of work with everything that it started."""

    work_id: int


@dataclass(frozen=True, slots=True)
class PurgeAudio:
    """Drop the audio of this response and older ones that a stream has not written yet."""

    response_id: int


@dataclass(frozen=True, slots=True)
class CloseStream:
    """End the stream once everything is written: the client has ended its input."""


@dataclass(frozen=True, slots=True)
class DecodeAudio:
    """Decode bytes of input audio, which came with this client sequence number."""

    data: bytes
    sequence: int


@dataclass(frozen=True, slots=True)
class SendPong:
    """Answer a ping; `ping_sent_at_ms` is by the client's clock."""

    ping_sent_at_ms: int


@dataclass(frozen=True, slots=True)
class EndSession:
    """End the session for good."""


Command = (
    Send
    | ApplyConfig
    | BeginRecording
    | EndRecording
    | StartTranscribing
    | FinishTranscribing
    | StartReplying
    | StartSaying
    | CancelWork
    | PurgeAudio
    | CloseStream
    | DecodeAudio
    | SendPong
    | EndSession
)
