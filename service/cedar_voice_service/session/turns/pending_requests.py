"""Answers and texts that the client asked for and that wait until the user has finished."""

from collections import deque

from cedar_voice_service.session.events import SpeechRequested

MAX_TEXTS = 8
"""Texts to be spoken that may wait."""


class PendingRequests:
    """Requests of the client that no turn has met yet.

    A requested answer is given with the next turn that is answered, or by itself if none is.
    """

    def __init__(self) -> None:
        self._answer: str | None = None
        self._texts: deque[SpeechRequested] = deque()

    @property
    def answer(self) -> str | None:
        """Instructions of the requested answer, possibly empty; None where none is requested."""
        return self._answer

    @property
    def has_text(self) -> bool:
        """Whether a text waits to be spoken."""
        return bool(self._texts)

    @property
    def has_room(self) -> bool:
        """Whether another text may wait."""
        return len(self._texts) < MAX_TEXTS

    def request_answer(self, instructions: str | None) -> None:
        """Request an answer with these instructions; None requests nothing."""
        self._answer = instructions

    def pop_answer(self) -> str | None:
        """Remove and return the requested answer's instructions; None where none is requested."""
        answer, self._answer = self._answer, None
        return answer

    def cancel_answer(self) -> None:
        """Forget the requested answer."""
        self._answer = None

    def add_text(self, request: SpeechRequested) -> None:
        """Queue a text to be spoken."""
        self._texts.append(request)

    def pop_text(self) -> SpeechRequested:
        """Remove and return the oldest text."""
        return self._texts.popleft()
