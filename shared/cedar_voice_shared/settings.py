"""Settings that every process has: its callers' tokens, its logs, its end.

Every field is an environment variable with the prefix `CEDAR_`. Lists are separated by commas.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part for part in map(str.strip, value.split(",")) if part)


Separated = (NoDecode, BeforeValidator(_split))
"""Annotations of a field that is a list separated by commas."""


class ProcessSettings(BaseSettings):
    """The head of the settings of service and bridge; each adds its own fields."""

    model_config = SettingsConfigDict(env_prefix="CEDAR_", extra="ignore", frozen=True)

    auth_tokens: Annotated[tuple[SecretStr, ...], *Separated] = Field(
        (), description="accepted bearer tokens, separated by commas; empty accepts every caller"
    )
    jwt_key: SecretStr = Field(
        SecretStr(""), description="key of 32 bytes or more that JWTs are signed with, by HS256"
    )
    jwt_jwks: str = Field(
        "", description="file or URL of the keys that JWTs are signed with, by RS256 or ES256"
    )
    jwt_audience: Annotated[tuple[str, ...], *Separated] = Field(
        (), description="audiences of which a JWT has to name one; needed with CEDAR_JWT_JWKS"
    )
    jwt_issuer: str = Field(
        "", description="issuer that a JWT has to name; empty accepts every issuer"
    )
    jwt_tenant_claim: str = Field(
        "", description="claim that distinguishes users beside `sub`; empty uses `sub` alone"
    )
    jwt_leeway_ms: int = Field(
        30_000,
        ge=0,
        le=300_000,
        description="largest difference between the issuer's clock and this machine's",
    )
    allow_public_without_auth: bool = Field(
        False,
        description="accept every caller at a public address; otherwise a process without tokens "
        "listens on loopback only",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe log line shown"
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto is console on a terminal and json elsewhere"
    )
    drain_timeout_ms: int = Field(
        30_000,
        ge=0,
        description="time that turns in progress have to end after the process is asked to stop; "
        "a second signal ends them at once",
    )
