"""Which client messages need not be sent again even if the session is lost."""

from collections import deque


class Watermark:
    """Follows the input of a session: what came of it has been said, or may still be.

    Audio is released by the time of its sound, everything else as it is handled.
    """

    def __init__(self) -> None:
        self.durable = 0
        """Highest client sequence of which, and below which, nothing is needed any more."""
        self._handled = 0
        self._audio: deque[tuple[int, int]] = deque()
        """First sequence of what was heard together, and where its sound ends."""

    def handled(self, sequence: int) -> None:
        """A message is done with."""
        self._handled = max(self._handled, sequence)

    def heard(self, first_sequence: int, last_sequence: int, until_ms: int) -> None:
        """Messages brought audio, and it was heard, up to this time of the input audio."""
        self.handled(last_sequence)
        if first_sequence:
            self._audio.append((first_sequence, until_ms))

    def settle(self, needed_from_ms: int) -> None:
        """Only audio from there on may still become part of a turn."""
        while self._audio and self._audio[0][1] <= needed_from_ms:
            self._audio.popleft()
        released = self._audio[0][0] - 1 if self._audio else self._handled
        self.durable = max(self.durable, released)
