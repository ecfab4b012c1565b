"""The description of the Cedar WebSocket dialect."""

from typing import get_args

from cedar_voice_bridge.dialects.cedar_websocket.frames import DownFrame, UpFrame
from cedar_voice_bridge.dialects.cedar_websocket.translator import CedarWebSocketTranslator
from cedar_voice_bridge.dialects.protocol import DialectSpec, SocketRoute
from cedar_voice_bridge.sessions.event_log import ReaderKind

SOCKETS = ReaderKind("cedar", is_single=True)
"""Sockets of voice slices: each is the microphone and loudspeaker of one page, so one at a time."""

CEDAR_WEBSOCKET = DialectSpec(
    sockets=(
        SocketRoute(
            path="{base}/ws",
            open_translator=CedarWebSocketTranslator,
            readers=SOCKETS,
            up_frames=get_args(UpFrame),
            down_frames=get_args(DownFrame),
        ),
    ),
)
