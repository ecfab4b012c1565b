"""The Python SDK of Cedar Voice.

    async with VoiceClient() as client, client.session() as session:
        await session.send_text("What is the time?")
        async for event in session:
            match event:
                case events.ResponseDelta(text=text):
                    print(text, end="")
                case events.ResponseCompleted():
                    break

Events are in `cedar_voice_client.events`, the less common enums in `cedar_voice_client.enums`.
"""

from cedar_voice_client import events
from cedar_voice_client.client import VoiceClient
from cedar_voice_client.enums import AudioEncoding, ChunkFraming, ErrorCode, TurnDetectionMode
from cedar_voice_client.errors import (
    InvalidRequest,
    ServerFailed,
    SessionClosed,
    SessionLost,
    SessionRefused,
    Unauthenticated,
    Unavailable,
    VoiceClientError,
)
from cedar_voice_client.options import (
    AudioFormat,
    OutputAudioConfig,
    Recovery,
    SessionOptions,
    StateSetter,
    Tool,
    TurnDetection,
)
from cedar_voice_client.recovery.resuming_stream import ResumingStream
from cedar_voice_client.service_info import ServiceInfo
from cedar_voice_client.session import VoiceSession
from cedar_voice_client.stream import VoiceStream

__all__ = [
    "AudioEncoding",
    "AudioFormat",
    "ChunkFraming",
    "ErrorCode",
    "InvalidRequest",
    "OutputAudioConfig",
    "Recovery",
    "ResumingStream",
    "ServerFailed",
    "ServiceInfo",
    "SessionClosed",
    "SessionLost",
    "SessionOptions",
    "SessionRefused",
    "StateSetter",
    "Tool",
    "TurnDetection",
    "TurnDetectionMode",
    "Unauthenticated",
    "Unavailable",
    "VoiceClient",
    "VoiceClientError",
    "VoiceSession",
    "VoiceStream",
    "events",
]
