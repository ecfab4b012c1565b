"""The settings of a service process: built once at the edge, handed down as values.

Every field is an environment variable with the prefix `CEDAR_`. `OPENAI_API_KEY` and
`OPENAI_BASE_URL` stand in where a stage names no key or base URL of its own.
"""

from typing import Literal

from pydantic import Field, SecretStr

from cedar_voice_shared.settings import ProcessSettings

EngineChoice = Literal["auto", "openai", "local"]
FallbackChoice = Literal["none", "openai", "local"]
TranscriberChoice = Literal["auto", "openai", "openai-realtime", "local"]


class ServiceSettings(ProcessSettings):
    """How one service process runs."""

    grpc_address: str = Field("127.0.0.1:50051", description="where the gRPC service listens")
    grpc_tls_certificate: str = Field(
        "", description="PEM file of the certificate chain that is served with; empty is no TLS"
    )
    grpc_tls_key: str = Field("", description="PEM file of its key")
    grpc_tls_client_ca: str = Field(
        "", description="PEM file of who signs clients' certificates; set, every client needs one"
    )

    stt_engine: TranscriberChoice = Field(
        "auto", description="speech to text; openai-realtime transcribes while the user speaks"
    )
    stt_model: str = Field("gpt-4o-mini-transcribe", description="model of the openai engine")
    stt_realtime_model: str = Field(
        "gpt-live-transcribe", description="model of the openai-realtime engine"
    )
    stt_partials: bool = Field(
        True,
        description="whether the openai engine is asked again while the user speaks, so that text "
        "appears meanwhile; sends at most 4 times the speech and a second",
    )
    stt_base_url: str = Field("", description="OpenAI-compatible server for speech to text")
    stt_api_key: SecretStr = Field(SecretStr(""), description="its key")
    llm_engine: EngineChoice = Field("auto", description="language model")
    llm_model: str = Field("gpt-4o-mini", description="model of the openai engine")
    llm_base_url: str = Field("", description="OpenAI-compatible server for the language model")
    llm_api_key: SecretStr = Field(SecretStr(""), description="its key")
    tts_engine: EngineChoice = Field("auto", description="text to speech")
    tts_model: str = Field("gpt-4o-mini-tts", description="model of the openai engine")
    tts_base_url: str = Field("", description="OpenAI-compatible server for text to speech")
    tts_api_key: SecretStr = Field(SecretStr(""), description="its key")
    tts_voice: str = Field(
        "alloy", description="voice of the openai engine for clients that name none it knows"
    )
    stt_fallback_engine: FallbackChoice = Field(
        "none", description="speech to text while the engine above fails"
    )
    stt_fallback_model: str = Field("", description="its model; empty is that of the engine above")
    stt_fallback_base_url: str = Field("", description="its OpenAI-compatible server")
    stt_fallback_api_key: SecretStr = Field(SecretStr(""), description="its key")
    llm_fallback_engine: FallbackChoice = Field(
        "none", description="language model while the engine above fails"
    )
    llm_fallback_model: str = Field("", description="its model; empty is that of the engine above")
    llm_fallback_base_url: str = Field("", description="its OpenAI-compatible server")
    llm_fallback_api_key: SecretStr = Field(SecretStr(""), description="its key")
    tts_fallback_engine: FallbackChoice = Field(
        "none", description="text to speech while the engine above fails"
    )
    tts_fallback_model: str = Field("", description="its model; empty is that of the engine above")
    tts_fallback_base_url: str = Field("", description="its OpenAI-compatible server")
    tts_fallback_api_key: SecretStr = Field(SecretStr(""), description="its key")
    tts_fallback_voice: str = Field("", description="its voice; empty is that of the engine above")
    openai_api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias="OPENAI_API_KEY",
        description="key of every stage that names no key and no server of its own",
    )
    openai_base_url: str = Field(
        "",
        validation_alias="OPENAI_BASE_URL",
        description="base URL of every stage that has none of its own",
    )
    system_prompt: str = Field(
        "You are a voice assistant inside an application. Answer in one to three short spoken "
        "sentences, without lists, markup or emoji.",
        description="instructions of sessions that bring none",
    )

    local_stt_workers: int = Field(
        2, ge=1, le=64, description="recognizer processes, each serving one utterance at a time"
    )
    decoding_workers: int = Field(
        2,
        ge=0,
        le=64,
        description="processes that decode what clients send, raw PCM and WAV aside, each for up "
        "to 128 sessions; started when needed; 0 decodes in the service itself",
    )
    decoding_timeout_ms: int = Field(
        3_000, ge=10, description="longest decoding of a piece of sound before its process is ended"
    )
    decoding_memory_mb: int = Field(512, ge=64, description="memory that such a process may take")
    max_sessions: int = Field(200, ge=1, description="sessions held at once, detached included")
    shed_partials_lag_ms: int = Field(
        25, ge=1, description="event-loop lag over which partial transcripts are left out"
    )
    shed_drafts_lag_ms: int = Field(
        50, ge=1, description="lag over which answers are not begun before a turn is over"
    )
    refuse_sessions_lag_ms: int = Field(
        100, ge=1, description="lag over which no session is opened; each lag has to last for 2 s"
    )
    max_utterance_ms: int = Field(60_000, ge=1_000, description="longest user turn")
    max_output_lead_ms: int = Field(
        1_000, ge=0, description="how far answer audio is sent ahead of its playback"
    )
    resume_window_ms: int = Field(
        30_000, ge=0, description="how long a dropped session can be resumed"
    )
    replay_buffer_bytes: int = Field(
        1 << 20, ge=0, description="sent events held for replay, per session"
    )
    stage_timeout_ms: int = Field(
        20_000,
        ge=100,
        description="longest silence of a stage, repeated requests and fallback engine included; "
        "its turn is given up then",
    )
    connect_timeout_ms: int = Field(
        2_000, ge=10, description="longest wait for a connection to a server"
    )
    stt_final_timeout_ms: int = Field(
        8_000, ge=10, description="from the end of an utterance to its final transcript"
    )
    stt_total_timeout_ms: int = Field(
        15_000, ge=10, description="all waits for the transcript of an utterance together"
    )
    llm_first_timeout_ms: int = Field(
        5_000, ge=10, description="from a request to the first part of the answer"
    )
    llm_next_timeout_ms: int = Field(
        5_000, ge=10, description="from one part of the answer to the next"
    )
    llm_total_timeout_ms: int = Field(
        60_000, ge=10, description="all waits for one answer together"
    )
    tts_first_timeout_ms: int = Field(
        3_000, ge=10, description="from a request to the first sound of a phrase"
    )
    tts_next_timeout_ms: int = Field(
        3_000, ge=10, description="from one piece of sound to the next"
    )
    tts_total_timeout_ms: int = Field(
        30_000, ge=10, description="all waits for the sound of one phrase together"
    )
    engine_attempts: int = Field(
        2, ge=1, le=10, description="how often a request is made while it fails; 1 repeats none"
    )
    engine_max_failures: int = Field(
        5, ge=1, description="failures in a row after which only the fallback engine is asked"
    )
    engine_probe_interval_ms: int = Field(
        5_000, ge=0, description="how often an engine that failed is tried again"
    )
    apology: str = Field(
        "", description="said when a turn fails; only sent as text when speech failed; empty is off"
    )
    send_timeout_ms: int = Field(
        10_000,
        ge=100,
        description="longest wait for a client to take an event; its stream is ended then",
    )
    principal_max_sessions: int = Field(
        10, ge=0, description="sessions of one user at once, detached included; 0 is no limit"
    )
    principal_streams_per_minute: int = Field(
        120,
        ge=0,
        description="sessions that one user begins or resumes, 60 more at once; 0 is no limit",
    )
    principal_turns_per_minute: int = Field(
        60,
        ge=0,
        description="answers begun for one user, drafts among them, 20 more at once; 0 is no limit",
    )
    principal_audio_s_per_minute: int = Field(
        200,
        ge=0,
        description="decoded audio of one user, 105 s more at once; 0 is no limit",
    )
    principal_messages_per_s: int = Field(
        180, ge=0, description="messages of one user, 4000 more at once; 0 is no limit"
    )
