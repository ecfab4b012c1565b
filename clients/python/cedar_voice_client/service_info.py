"""Description of a service: software, engines, encodings and limits."""

from dataclasses import dataclass

from cedar_voice_client.enums import AudioEncoding, PipelineStage


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """Name and version of the server software."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits that a caller must respect; 0 where the service states none."""

    max_message_bytes: int
    max_audio_chunk_bytes: int
    max_utterance_ms: int
    max_text_chars: int
    max_context_bytes: int
    max_tools: int
    max_history_items: int
    resume_window_ms: int
    replay_buffer_bytes: int
    max_output_lead_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine of one stage; `description` is its purpose, for people."""

    stage: PipelineStage
    name: str
    model: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceInfo:
    """Engines, encodings and limits of a service, available without a session."""

    server_info: ServerInfo
    engines: tuple[Engine, ...]
    input_encodings: tuple[AudioEncoding, ...]
    output_encodings: tuple[AudioEncoding, ...]
    limits: Limits
