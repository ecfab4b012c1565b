"""The settings of a bridge process: read once at the start, passed on as values.

Every field is an environment variable whose name is the prefix of its group and the name of the
field. Lists are separated by commas.
"""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import SettingsConfigDict

from cedar_voice_shared.settings import Separated
from cedar_voice_shared.settings_groups import GroupedSettings, SettingsGroup


def _as_path(path: str) -> str:
    if not path.startswith("/") or "{" in path:
        raise ValueError("a path begins with / and has no braces")
    return path.rstrip("/")


class ServiceConnectionSettings(SettingsGroup):
    """The connection to the service: its address and its certificates."""

    model_config = SettingsConfigDict(env_prefix="CEDAR_GRPC_")

    address: str = Field("127.0.0.1:50051", description="address of the gRPC service")
    tls: bool = Field(
        False, description="connect to the service with TLS; CEDAR_GRPC_CA implies it"
    )
    ca: str = Field(
        "",
        description="PEM file of the authority that signs for the service; empty uses the system's",
    )
    client_certificate: str = Field(
        "", description="PEM file of the certificate chain to show to the service"
    )
    client_key: str = Field("", description="PEM file of its key")


class AccessSettings(SettingsGroup):
    """Admission of browsers: their origins, tokens, tickets and addresses."""

    allowed_origins: Annotated[tuple[str, ...], *Separated] = Field(
        (),
        description="web origins that may connect beside the page's own; empty adds localhost on "
        "any port, * lets every origin in",
    )
    allow_token_in_address: bool = Field(
        True,
        description="whether `?token=` is accepted; otherwise addresses may have tickets only",
    )
    ticket_ms: int = Field(
        30_000, ge=1_000, le=600_000, description="time for which a ticket is valid"
    )
    principal_tickets_per_minute: int = Field(
        120, ge=0, description="tickets of one user, as many at once; 0 is no limit"
    )
    refusals_per_minute: int = Field(
        60,
        ge=0,
        description="attempts without a good token from one address, as many at once, before it "
        "has to wait; 0 is no limit, and this machine has none",
    )
    address_header: str = Field(
        "",
        description="header in which the proxy in front gives the address of the client, such as "
        "X-Forwarded-For; its last value counts; empty uses the address of the connection",
    )
    auth_timeout_ms: int = Field(
        10_000, ge=100, description="longest connection of a browser without a token"
    )


class BrowserSettings(SettingsGroup):
    """Sizes and times of the frames and uploads of browsers."""

    max_frame_bytes: int = Field(
        1 << 20, ge=1 << 10, le=64 << 20, description="largest frame accepted from a browser"
    )
    max_upload_bytes: int = Field(
        16 << 20, ge=1 << 10, le=1 << 30, description="largest upload accepted from a browser"
    )
    send_timeout_ms: int = Field(
        10_000, ge=100, description="longest wait for a browser or the service to accept a message"
    )
    heartbeat_ms: int = Field(
        20_000, ge=100, description="time without a message after which a browser is probed"
    )


class SharedSessionSettings(SettingsGroup):
    """Limits of the sessions that the bridge holds for browsers."""

    session_idle_ms: int = Field(
        300_000,
        ge=100,
        description="time for which a session of uploads and event streams is kept without any",
    )
    session_history_bytes: int = Field(
        4 << 20,
        ge=1 << 10,
        description="most bytes of events kept in the bridge per session",
    )
    open_timeout_ms: int = Field(
        10_000, ge=100, description="longest wait for the service to open a session"
    )
    service_outage_ms: int = Field(
        60_000,
        ge=100,
        description="longest wait of a session for a service that went away; its sockets stay open",
    )


class BridgeSettings(GroupedSettings):
    """The settings of one bridge process."""

    http_address: str = Field(
        "127.0.0.1:8080",
        pattern=r":\d{1,5}$",
        description="address of the page and the WebSocket",
    )
    base_paths: Annotated[tuple[Annotated[str, AfterValidator(_as_path)], ...], *Separated] = Field(
        ("/api/voice", "/api/chat/voice", "/api/chat/voice-execute"),
        description="paths under which the voice API is served",
    )
    grpc: ServiceConnectionSettings
    access: AccessSettings
    browsers: BrowserSettings
    sessions: SharedSessionSettings
