"""The Python SDK of Cedar Voice."""

from cedar_voice_client.client import VoiceClient
from cedar_voice_client.enums import ErrorCode, PipelineStage
from cedar_voice_client.errors import (
    InvalidRequest,
    ServerFailed,
    SessionClosed,
    SessionRefused,
    Unauthenticated,
    Unavailable,
    VoiceClientError,
)
from cedar_voice_client.stream import VoiceStream

__all__ = [
    "ErrorCode",
    "InvalidRequest",
    "PipelineStage",
    "ServerFailed",
    "SessionClosed",
    "SessionRefused",
    "Unauthenticated",
    "Unavailable",
    "VoiceClient",
    "VoiceClientError",
    "VoiceStream",
]
