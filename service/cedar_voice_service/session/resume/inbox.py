"""Accepts what the client sends: in order, each message once."""


class Inbox:
    """The client-to-server sequence of one session, over all its streams."""

    def __init__(self) -> None:
        self.accepted = 0
        """Highest sequence accepted so far."""

    def accept(self, sequence: int) -> bool:
        """Whether to process the message of this sequence; 0 means that it is not sequenced.

        Gaps are allowed: a client may drop stale audio.
        """
        if sequence == 0:
            return True
        if sequence <= self.accepted:
            return False
        self.accepted = sequence
        return True
