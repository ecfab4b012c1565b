"""What a user says, kept so that it can be transcribed once more, by the same engine or another."""

from collections.abc import AsyncIterator, Callable

from cedar_voice_service.audio.ear import Heard


class ReplayableAudio:
    """The audio of one utterance.

    Args:
        audio: as it is heard.
        ended: called whenever a recognizer has been given all of it.
    """

    def __init__(
        self, audio: AsyncIterator[Heard], ended: Callable[[], None] = lambda: None
    ) -> None:
        self._audio = audio
        self._ended = ended
        self._kept: list[Heard] = []
        self._is_complete = False

    def from_start(self) -> AsyncIterator[Heard]:
        """All that was heard, and then what is heard from here on. One reader at a time."""
        return _Replay(self)

    async def block(self, index: int) -> Heard:
        """A block, as soon as it is heard.

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
    """No generator: one that is cancelled while it waits could not be asked again."""

    def __init__(self, utterance: ReplayableAudio) -> None:
        self._utterance = utterance
        self._index = 0

    def __aiter__(self) -> "_Replay":
        return self

    async def __anext__(self) -> Heard:
        block = await self._utterance.block(self._index)
        self._index += 1
        return block
