"""Transcription by recognizers of whole recordings: which audio to request, and how to read the answers. Pure."""
