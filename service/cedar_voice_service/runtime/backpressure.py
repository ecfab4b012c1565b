"""The answer audio that waits to be sent: whether more of it is wanted, and how soon."""

import asyncio

from cedar_voice_service.session.pacing import until_beat_s

ENOUGH_MS = 4_000
"""Audio beyond which no more is fetched.

Little enough that what an engine sends meanwhile is taken in large pieces, and much enough that an
engine that fails is found long before the listener hears it.
"""

EASY_MS = 500
"""Audio beyond which more is fetched on beats, since each fetch has its price.

The listener has the lead as well. Below this, audio is fetched as it comes.
"""


class PlayoutBackpressure:
    """What one session has in hand."""

    def __init__(self) -> None:
        self._has_room = asyncio.Event()
        self.update(0)

    @property
    def buffered_ms(self) -> int:
        """Audio that waits to be sent."""
        return self._buffered_ms

    def update(self, buffered_ms: int) -> None:
        """There is so much by now."""
        self._buffered_ms = buffered_ms
        if buffered_ms > ENOUGH_MS:
            self._has_room.clear()
        else:
            self._has_room.set()

    async def wait_for_room(self) -> None:
        """Wait until more is to be fetched."""
        await self._has_room.wait()
        if self._buffered_ms > EASY_MS:
            now_s = asyncio.get_running_loop().time()
            await asyncio.sleep(until_beat_s(now_s))
