"""Sequence numbers, replay and durability: a session outlives connections and processes."""
