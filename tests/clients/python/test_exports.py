"""The names of the SDK are frozen: changing one is a decision."""

import cedar_voice_client

FROZEN = [
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


def test_exported_names() -> None:
    assert cedar_voice_client.__all__ == FROZEN
    assert all(hasattr(cedar_voice_client, name) for name in FROZEN)
