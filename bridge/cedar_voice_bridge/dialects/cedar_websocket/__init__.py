"""The dialect of Cedar's WebSocket clients.

A client that says nothing of its output plays every chunk on arrival, in an audio element of its
own, and adds a message to its chat for every final transcription and every answer. So it gets MP3
files, each when the one before it has been played, and of what was said what its chat lacks. Other
clients replace what they show of a turn, and get the whole of it.
"""
