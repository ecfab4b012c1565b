"""The description of the sample dialect."""

from typing import get_args

from cedar_voice_bridge.dialects.operation import NAME, TEXT, FormSchema, Operation
from cedar_voice_bridge.dialects.protocol import DialectSpec, HttpRoute, SocketRoute
from cedar_voice_bridge.sessions.event_log import ReaderKind
from tests.bridge.sample_dialect.endpoint import SampleEndpoint
from tests.bridge.sample_dialect.frames import DownFrame, Posted, UpFrame
from tests.bridge.sample_dialect.translator import SampleTranslator

SAMPLE = DialectSpec(
    sockets=(
        SocketRoute(
            path="{base}/sample",
            open_translator=SampleTranslator,
            readers=ReaderKind("sample"),
            up_frames=get_args(UpFrame),
            down_frames=get_args(DownFrame),
        ),
    ),
    open_endpoint=SampleEndpoint,
    requests=(
        HttpRoute(
            method="POST",
            path="{base}/sample/lines",
            handle=SampleEndpoint.post_line,
            operation=Operation(
                summary="Type a line",
                result="The newest turn",
                content={"application/json": Posted},
                form=FormSchema(
                    fields={"line": TEXT, "sessionId": NAME},
                    alternatives=({"required": ["line", "sessionId"]},),
                ),
            ),
        ),
    ),
)
