"""The dialect of Cedar's WebSocket clients.

A client that has not configured its output plays every chunk on arrival, in an audio element of its
own, and adds a message to its chat for every final transcription and every answer. So it receives
MP3 files, each when the previous one has been played, and only the words that its chat lacks. Other
clients replace the text that they show of a turn, and receive all of it.
"""
