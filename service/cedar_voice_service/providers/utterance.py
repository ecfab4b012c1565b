"""What a user says, kept so that it can be transcribed once more, by the same engine or another."""

from collections.abc import AsyncIterator, Callable

from cedar_voice_service.audio.ear import Heard
from cedar_voice_service.providers.protocols import Hypothesis


class Utterance:
    """The audio of one utterance, and the stable text that was told of it.

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
        self._stable_text = ""

    def from_start(self) -> AsyncIterator[Heard]:
        """All that was heard, and then what is heard from here on. One reader at a time."""
        return _Reader(self)

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

    def goes_on(self, hypothesis: Hypothesis) -> bool:
        """Note what a recognizer believes; False for a partial that takes stable words back."""
        if hypothesis.is_final:
            return True
        if not hypothesis.stable_text.startswith(self._stable_text):
            return False
        self._stable_text = hypothesis.stable_text
        return True


class _Reader:
    """No generator: one that is cancelled while it waits could not be asked again."""

    def __init__(self, utterance: Utterance) -> None:
        self._utterance = utterance
        self._index = 0

    def __aiter__(self) -> "_Reader":
        return self

    async def __anext__(self) -> Heard:
        block = await self._utterance.block(self._index)
        self._index += 1
        return block
