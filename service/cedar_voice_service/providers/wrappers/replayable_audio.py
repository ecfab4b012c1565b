"""The audio of an utterance, kept for another transcription by the same engine or another one."""

from collections.abc import AsyncIterator, Callable

from cedar_voice_service.audio.formats import AudioBlock


class ReplayableAudio:
    """The audio of one utterance.

    Args:
        audio: its blocks as they arrive.
        ended: called whenever a recognizer has received all of it.
    """

    def __init__(
        self, audio: AsyncIterator[AudioBlock], ended: Callable[[], None] = lambda: None
    ) -> None:
        self._audio = audio
        self._ended = ended
        self._kept: list[AudioBlock] = []
        self._is_complete = False

    def from_start(self) -> AsyncIterator[AudioBlock]:
        """Return the blocks from the beginning, then those that arrive. One reader at a time."""
        return _Replay(self)

    async def block(self, index: int) -> AudioBlock:
        """Return a block, as soon as it arrives.

        Raises:
            StopAsyncIteration: the utterance is over.
        """
        if index == len(self._kept) and not self._is_complete:
            try:
                self._kept.append(await anext(self._audio))
            except StopAsyncIteration:
                self._is_complete = True
        if index == len(self._kept):
            self._ended()
            raise StopAsyncIteration
        return self._kept[index]


class _Replay:
    """An iterator, because a generator that is cancelled while it waits cannot be resumed."""

    def __init__(self, utterance: ReplayableAudio) -> None:
        self._utterance = utterance
        self._index = 0

    def __aiter__(self) -> "_Replay":
        return self

    async def __anext__(self) -> AudioBlock:
        block = await self._utterance.block(self._index)
        self._index += 1
        return block
