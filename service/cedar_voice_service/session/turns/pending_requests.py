"""What the caller has asked for and not got yet: it waits until the user has finished."""

from collections import deque

from cedar_voice_service.session.events import SpeechRequested

MAX_SPEECHES = 8
"""Texts to be spoken that may wait."""


class Wishes:
    """What waits. The answer comes with the next one that is given, or by itself if none is."""

    def __init__(self) -> None:
        self.answer: str | None = None
        """Instructions of the answer that is asked for; None where none is."""
        self.speeches: deque[SpeechRequested] = deque()
        """Texts to be spoken, oldest first."""

    @property
    def has_room(self) -> bool:
        """Whether another text may wait."""
        return len(self.speeches) < MAX_SPEECHES
