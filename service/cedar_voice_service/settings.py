"""The settings of a service process: built once at the edge, passed down as values.

Every field is an environment variable whose name is the prefix of its group and the name of the
field. Settings of a single engine stand in the folder of the engine.
"""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from cedar_voice_shared.settings_groups import GroupedSettings, SettingsGroup


class GrpcSettings(SettingsGroup):
    """The gRPC server: its address and its certificates."""

    model_config = SettingsConfigDict(env_prefix="CEDAR_GRPC_")

    address: str = Field("127.0.0.1:50051", description="address that the gRPC service listens on")
    tls_certificate: str = Field(
        "", description="PEM file of the server's certificate chain; empty serves without TLS"
    )
    tls_key: str = Field("", description="PEM file of its key")
    tls_client_ca: str = Field(
        "",
        description="PEM file of the authority that signs clients' certificates; if set, every "
        "client needs one",
    )


class StageSettings(SettingsGroup):
    """The engine of a stage, and the engine that replaces it while it fails."""

    engine: str
    model: str
    base_url: str
    api_key: SecretStr = Field(SecretStr(""), description="its key")
    fallback_engine: str
    fallback_model: str = Field("", description="its model; empty is that of the engine above")
    fallback_base_url: str = Field("", description="its OpenAI-compatible server")
    fallback_api_key: SecretStr = Field(SecretStr(""), description="its key")


class SttSettings(StageSettings):
    """Speech to text."""

    model_config = SettingsConfigDict(env_prefix="CEDAR_STT_")

    engine: str = Field(
        "auto", description="speech to text; openai-realtime transcribes while the user speaks"
    )
    model: str = Field("gpt-4o-mini-transcribe", description="model of the openai engine")
    base_url: str = Field("", description="OpenAI-compatible server for speech to text")
    fallback_engine: str = Field("none", description="speech to text while the engine above fails")
    partials: bool = Field(
        True,
        description="whether the openai engine receives requests while the user speaks, so that "
        "text appears meanwhile; sends at most 4 times the speech and a second",
    )
    final_timeout_ms: int = Field(
        8_000, ge=10, description="from the end of an utterance to its final transcript"
    )
    total_timeout_ms: int = Field(
        15_000, ge=10, description="all waits for the transcript of an utterance together"
    )


class LlmSettings(StageSettings):
    """Language model."""

    model_config = SettingsConfigDict(env_prefix="CEDAR_LLM_")

    engine: str = Field("auto", description="language model")
    model: str = Field("gpt-4o-mini", description="model of the openai engine")
    base_url: str = Field("", description="OpenAI-compatible server for the language model")
    fallback_engine: str = Field("none", description="language model while the engine above fails")
    first_timeout_ms: int = Field(
        5_000, ge=10, description="from a request to the first part of the answer"
    )
    next_timeout_ms: int = Field(
        5_000, ge=10, description="from one part of the answer to the next"
    )
    total_timeout_ms: int = Field(60_000, ge=10, description="all waits for one answer together")


class TtsSettings(StageSettings):
    """Text to speech."""

    model_config = SettingsConfigDict(env_prefix="CEDAR_TTS_")

    engine: str = Field("auto", description="text to speech")
    model: str = Field("gpt-4o-mini-tts", description="model of the openai engine")
    base_url: str = Field("", description="OpenAI-compatible server for text to speech")
    fallback_engine: str = Field("none", description="text to speech while the engine above fails")
    fallback_voice: str = Field("", description="its voice; empty is that of the engine above")
    voice: str = Field(
        "alloy", description="voice of the openai engine for clients that name none it knows"
    )
    first_timeout_ms: int = Field(
        3_000, ge=10, description="from a request to the first sound of a phrase"
    )
    next_timeout_ms: int = Field(3_000, ge=10, description="from one piece of sound to the next")
    total_timeout_ms: int = Field(
        30_000, ge=10, description="all waits for the sound of one phrase together"
    )


class ReliabilitySettings(SettingsGroup):
    """Deadlines, repeated requests and fallback, the same for all stages."""

    stage_timeout_ms: int = Field(
        20_000,
        ge=100,
        description="longest silence of a stage, repeated requests and fallback engine included; "
        "its turn fails then",
    )
    connect_timeout_ms: int = Field(
        2_000, ge=10, description="longest wait for a connection to a server"
    )
    engine_attempts: int = Field(
        2, ge=1, le=10, description="how often a request is made while it fails; 1 repeats none"
    )
    engine_max_failures: int = Field(
        5, ge=1, description="failures in a row after which only the fallback engine is used"
    )
    engine_probe_interval_ms: int = Field(
        5_000, ge=0, description="how often an engine that failed is tried again"
    )


class ConversationSettings(SettingsGroup):
    """Defaults and limits of a turn."""

    system_prompt: str = Field(
        "You are a voice assistant inside an application. Answer in one to three short spoken "
        "sentences, without lists, markup or emoji.",
        description="instructions of sessions that bring none",
    )
    apology: str = Field(
        "",
        description="spoken when a turn fails; only sent as text when speech failed; empty is off",
    )
    max_utterance_ms: int = Field(60_000, ge=1_000, description="longest user turn")
    max_output_lead_ms: int = Field(
        1_000, ge=0, description="how far answer audio is sent ahead of its playback"
    )


class SessionSettings(SettingsGroup):
    """Limits of sessions."""

    max_sessions: int = Field(200, ge=1, description="sessions held at once, detached included")
    resume_window_ms: int = Field(
        30_000, ge=0, description="how long a dropped session can be resumed"
    )
    replay_buffer_bytes: int = Field(
        1 << 20, ge=0, description="sent events held for replay, per session"
    )
    send_timeout_ms: int = Field(
        10_000,
        ge=100,
        description="longest wait for a client to receive an event; its stream is ended then",
    )


class DecodingSettings(SettingsGroup):
    """The processes that decode recordings."""

    model_config = SettingsConfigDict(env_prefix="CEDAR_DECODING_")

    workers: int = Field(
        2,
        ge=0,
        le=64,
        description="processes that decode the audio of clients, raw PCM and WAV aside, each for "
        "up to 128 sessions; started when needed; 0 decodes in the service itself",
    )
    timeout_ms: int = Field(
        3_000, ge=10, description="longest decoding of a piece of sound before its process is ended"
    )
    memory_mb: int = Field(512, ge=64, description="memory limit of such a process")


class LoadSettings(SettingsGroup):
    """Lags of the event loop at which work is left out; each has to last for 2 s."""

    shed_partials_lag_ms: int = Field(
        25, ge=1, description="event-loop lag over which partial transcripts are left out"
    )
    shed_drafts_lag_ms: int = Field(
        50, ge=1, description="lag over which no answer is begun before a turn is over"
    )
    refuse_sessions_lag_ms: int = Field(
        100, ge=1, description="lag over which no session is opened; each lag has to last for 2 s"
    )


class QuotaSettings(SettingsGroup):
    """Limits of one user."""

    model_config = SettingsConfigDict(env_prefix="CEDAR_PRINCIPAL_")

    max_sessions: int = Field(
        10, ge=0, description="sessions of one user at once, detached included; 0 is no limit"
    )
    streams_per_minute: int = Field(
        120,
        ge=0,
        description="sessions that one user begins or resumes, 60 more at once; 0 is no limit",
    )
    turns_per_minute: int = Field(
        60,
        ge=0,
        description="answers begun for one user, drafts among them, 20 more at once; 0 is no limit",
    )
    audio_s_per_minute: int = Field(
        200,
        ge=0,
        description="decoded audio of one user, 105 s more at once; 0 is no limit",
    )
    messages_per_s: int = Field(
        180, ge=0, description="messages of one user, 4000 more at once; 0 is no limit"
    )


class ServiceSettings(GroupedSettings):
    """The settings of one service process."""

    grpc: GrpcSettings
    stt: SttSettings
    llm: LlmSettings
    tts: TtsSettings
    reliability: ReliabilitySettings
    conversation: ConversationSettings
    sessions: SessionSettings
    decoding: DecodingSettings
    load: LoadSettings
    quotas: QuotaSettings
