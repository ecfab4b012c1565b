"""The dialect of the package cedar-os: one recording up, one answer down.

The answer is one JSON object, or a stream of events. In the stream, text comes in `chunk` alone,
since the client would write the text of `audio` a second time, and each `audio` comes when the
previous one has been played.
"""
