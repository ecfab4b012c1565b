"""Beats of the clock, on which what may wait a little is done for many sessions at once.

Work that follows work of its kind finds code and data in the processor's cache, and one look at the
sockets serves all of it: that costs less than to do each when its time comes.
"""

BEAT_MS = 100
"""From one beat to the next; the clock's zero is one."""


def on_beat(at_ms: int) -> int:
    """The first beat at or after this time."""
    return -(-at_ms // BEAT_MS) * BEAT_MS


def until_beat_s(now_s: float) -> float:
    """How long to wait for the next beat, or for the one after where that is about now."""
    now_ms = now_s * 1000
    return (on_beat(round(now_ms) + BEAT_MS // 2) - now_ms) / 1000
