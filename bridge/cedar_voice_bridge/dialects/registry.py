"""The dialects of the bridge. To register one, add its description here."""

from cedar_voice_bridge.dialects.cedar_os.dialect import CEDAR_OS
from cedar_voice_bridge.dialects.cedar_websocket.dialect import CEDAR_WEBSOCKET
from cedar_voice_bridge.dialects.protocol import DialectSpec
from cedar_voice_bridge.dialects.streaming.dialect import STREAMING

DIALECTS: tuple[DialectSpec, ...] = (
    CEDAR_WEBSOCKET,
    CEDAR_OS,
    STREAMING,  # after cedar-os: on their common path it accepts every form
)
