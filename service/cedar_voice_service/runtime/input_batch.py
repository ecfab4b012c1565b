"""Input audio of several messages, processed together: that costs little more than one message."""

from dataclasses import dataclass

PIECE_BYTES = 8_192
"""Audio processed at a time before other sessions get their turn; as much waits for no more."""

INTERVAL_MS = 180
"""A message that arrives so long after the last batch waits for no other.

Browsers send one every 100 ms, give or take a few.
"""

MAX_WAIT_MS = 250
"""Time after the last batch at which waiting audio is processed, though no other message comes."""


@dataclass(frozen=True, slots=True)
class InputBatch:
    """The audio of consecutive messages of a client.

    `first_sequence` and `last_sequence` are their places in the client's sequence; 0 where the
    messages are not numbered.
    """

    data: bytes
    first_sequence: int
    last_sequence: int

    @property
    def pieces(self) -> list[bytes]:
        """The audio in order, in pieces of at most `PIECE_BYTES`."""
        return [
            self.data[start : start + PIECE_BYTES]
            for start in range(0, len(self.data), PIECE_BYTES)
        ]


class InputBatcher:
    """Collects the audio of one session. Times are clock milliseconds."""

    def __init__(self) -> None:
        self._messages: list[bytes] = []
        self._byte_count = 0
        self._sequences: list[int] = []
        self._last_batch_at_ms = -MAX_WAIT_MS

    @property
    def due_ms(self) -> int | None:
        """Time by which the collected audio is to be processed; None without any."""
        return self._last_batch_at_ms + MAX_WAIT_MS if self._messages else None

    def is_full(self, now_ms: int) -> bool:
        """Whether waiting for another message gains nothing."""
        return self._byte_count >= PIECE_BYTES or now_ms >= self._last_batch_at_ms + INTERVAL_MS

    def add(self, data: bytes, sequence: int) -> None:
        """Collect the audio of a message; a `sequence` of 0 is none."""
        self._messages.append(data)
        self._byte_count += len(data)
        if sequence:
            self._sequences.append(sequence)

    def take(self, now_ms: int) -> InputBatch | None:
        """Return and forget the collected audio; None without any."""
        if not self._messages:
            return None
        sequences = self._sequences or [0]
        batch = InputBatch(b"".join(self._messages), sequences[0], sequences[-1])
        self._messages, self._sequences, self._byte_count = [], [], 0
        self._last_batch_at_ms = now_ms
        return batch
