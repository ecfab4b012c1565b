"""The dialect of Cedar's WebSocket clients.

A client that says nothing of its output plays every chunk on arrival, in an audio element of its
own. So it gets MP3 files, each when the one before it has been played.
"""

from cedar_voice_bridge.dialects.cedar_websocket.connection import CedarWebSocket

__all__ = ["CedarWebSocket"]
