"""The client messages that need not be sent again even if the session is lost."""

from collections import deque


class Durability:
    """Follows the input of a session until its results were sent.

    Audio becomes durable by the time of its sound, every other message as it is processed.
    """

    def __init__(self) -> None:
        self.durable = 0
        """Highest client sequence number up to which no message is needed again."""
        self._handled = 0
        self._audio: deque[tuple[int, int]] = deque()
        """First sequence number of audio that was decoded together, and the end of its sound."""

    def handled(self, sequence: int) -> None:
        """Record that a message was processed."""
        self._handled = max(self._handled, sequence)

    def heard(self, first_sequence: int, last_sequence: int, until_ms: int) -> None:
        """Record that messages brought audio up to this time of the input audio."""
        self.handled(last_sequence)
        if first_sequence:
            self._audio.append((first_sequence, until_ms))

    def settle(self, needed_from_ms: int) -> None:
        """Release audio before this time: only later audio may still become part of a turn."""
        while self._audio and self._audio[0][1] <= needed_from_ms:
            self._audio.popleft()
        released = self._audio[0][0] - 1 if self._audio else self._handled
        self.durable = max(self.durable, released)
