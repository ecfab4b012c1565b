"""The description of the streaming dialect."""

from typing import get_args

from cedar_voice_bridge.dialects.operation import (
    NAME,
    RECORDING,
    TEXT,
    EventSchema,
    FormSchema,
    Operation,
)
from cedar_voice_bridge.dialects.protocol import DialectSpec, HttpRoute, SocketRoute
from cedar_voice_bridge.dialects.streaming.endpoint import StreamingEndpoint
from cedar_voice_bridge.dialects.streaming.frames import (
    DownFrame,
    PartialResult,
    UpFrame,
    UploadRefused,
)
from cedar_voice_bridge.dialects.streaming.translator import StreamingTranslator
from cedar_voice_bridge.sessions.event_log import ReaderKind
from cedar_voice_bridge.translation.configuration import Settings

SOCKETS = ReaderKind("streaming")
"""The sockets of streaming clients."""

_FORM = FormSchema(
    fields={
        "audioChunk": RECORDING,
        "settings": Settings,
        "context": {"description": "Any JSON value"},
        "isComplete": {"enum": ["true", "false"]},
        "sessionId": NAME,
    },
    alternatives=(
        {"required": ["audioChunk", "sessionId"]},
        {
            "required": ["isComplete", "sessionId"],
            "properties": {"isComplete": {"const": "true"}},
        },
    ),
)

STREAMING = DialectSpec(
    sockets=(
        SocketRoute(
            path="/",
            open_translator=StreamingTranslator,
            readers=SOCKETS,
            up_frames=get_args(UpFrame),
            down_frames=get_args(DownFrame),
        ),
    ),
    open_endpoint=StreamingEndpoint,
    requests=(
        HttpRoute(
            method="POST",
            path="{base}/stream",
            handle=StreamingEndpoint.upload,
            operation=Operation(
                summary="Receive a chunk of a recording (audioChunk)",
                result="The transcript so far",
                content={"application/json": PartialResult},
                form=_FORM,
                refusal=UploadRefused,
            ),
        ),
        HttpRoute(
            method="GET",
            path="{base}/stream-response",
            handle=StreamingEndpoint.events,
            operation=Operation(
                summary="Stream the events of a session",
                result="Server-sent events",
                content={"text/event-stream": EventSchema("StreamedEvent", get_args(DownFrame))},
                parameters=(
                    {"name": "sessionId", "in": "query", "required": True, "schema": NAME},
                    {"name": "lastEventId", "in": "query", "schema": TEXT},
                    {"name": "Last-Event-ID", "in": "header", "schema": TEXT},
                ),
            ),
        ),
    ),
)
