"""Beats of the clock, at which deferrable work is done for many sessions at once.

Work that follows work of its kind finds code and data in the processor's cache, and one poll of the
sockets serves all of it: that costs less than to do each piece of work at its own time.
"""

BEAT_MS = 100
"""Time between two beats; the clock's zero is a beat."""


def on_beat(at_ms: int) -> int:
    """Return the first beat at or after this time."""
    return -(-at_ms // BEAT_MS) * BEAT_MS


def until_beat_s(now_s: float) -> float:
    """Return the wait for the next beat, or for the one after where that is about now."""
    now_ms = now_s * 1000
    return (on_beat(round(now_ms) + BEAT_MS // 2) - now_ms) / 1000
