"""Sequence numbers: what makes a session resumable after a lost connection or process."""
