"""Hearing along with a recognizer that takes whole recordings: when to ask, what to believe."""
