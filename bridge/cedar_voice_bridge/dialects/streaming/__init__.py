"""The dialect of Cedar's streaming clients: a WebSocket, or uploads and an event stream.

These clients play every chunk on arrival. So they receive MP3 files, each when the previous one has
been played, and `complete` when all of them have.
"""
