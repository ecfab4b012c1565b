"""The audio of one utterance on its way to a recognizer."""

import asyncio

from cedar_voice_service.audio.formats import AudioBlock


class AudioFeed:
    """An async iterator over the blocks of one utterance.

    Holds at most `max_blocks`; a recognizer that falls further behind gets no more audio, and
    `is_overrun` is set.
    """

    def __init__(self, max_blocks: int) -> None:
        self._blocks: asyncio.Queue[AudioBlock | None] = asyncio.Queue(max_blocks + 1)
        self._max_blocks = max_blocks
        self._is_closed = False
        self.is_overrun = False

    def put(self, block: AudioBlock) -> None:
        """Add a block."""
        if self._is_closed:
            return
        if self._blocks.qsize() >= self._max_blocks:
            self.is_overrun = True
            self.close()
            return
        self._blocks.put_nowait(block)

    def close(self) -> None:
        """End the utterance. Closing twice is harmless."""
        if not self._is_closed:
            self._is_closed = True
            self._blocks.put_nowait(None)

    def __aiter__(self) -> "AudioFeed":
        return self

    async def __anext__(self) -> AudioBlock:
        block = await self._blocks.get()
        if block is None:
            raise StopAsyncIteration
        return block
