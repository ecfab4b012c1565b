"""Accepts the messages of a client in order, each of them once."""


class Inbox:
    """The client-to-server sequence of one session, over all its streams."""

    def __init__(self) -> None:
        self.accepted = 0
        """Highest sequence number accepted so far."""

    def is_new(self, sequence: int) -> bool:
        """Whether the message was not received before; 0 is the number of unnumbered ones.

        Gaps are allowed: a client may drop stale audio.
        """
        return sequence == 0 or sequence > self.accepted

    def accept(self, sequence: int) -> bool:
        """Accept the message with this sequence number; return whether to process it."""
        is_new = self.is_new(sequence)
        self.accepted = max(self.accepted, sequence)
        return is_new
