"""Backpressure of playout on synthesis: audio is fetched as far ahead as playback needs it."""

import asyncio

from cedar_voice_service.session.pacing import until_beat_s

ENOUGH_MS = 4_000
"""Audio beyond which no more is fetched.

Little enough that audio which an engine sends meanwhile is read in large pieces, and much enough
that a failing engine is detected long before its audio is due.
"""

EASY_MS = 500
"""Audio beyond which more is fetched on beats, since each fetch has a cost.

The client holds its lead in addition. Below this, audio is fetched as it arrives.
"""


class PlayoutBackpressure:
    """The answer audio of one session that waits to be sent."""

    def __init__(self) -> None:
        self._has_room = asyncio.Event()
        self.update(0)

    @property
    def buffered_ms(self) -> int:
        """Length of the audio that waits to be sent."""
        return self._buffered_ms

    def update(self, buffered_ms: int) -> None:
        """Record the length of the audio that waits now."""
        self._buffered_ms = buffered_ms
        if buffered_ms > ENOUGH_MS:
            self._has_room.clear()
        else:
            self._has_room.set()

    async def wait_for_room(self) -> None:
        """Wait until more audio is to be fetched."""
        await self._has_room.wait()
        if self._buffered_ms > EASY_MS:
            now_s = asyncio.get_running_loop().time()
            await asyncio.sleep(until_beat_s(now_s))
