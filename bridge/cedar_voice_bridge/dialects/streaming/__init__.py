"""The dialect of Cedar's streaming clients: a WebSocket, or uploads and an event stream."""
