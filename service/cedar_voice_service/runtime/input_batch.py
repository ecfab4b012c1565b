"""Input audio that waits to be heard: a few pieces together cost little more than one."""

HEARD_BYTES = 8_192
"""Audio decoded at a time before other sessions get their turn; as much does not wait."""

HEARD_EVERY_MS = 180
"""A piece that comes so long after the last hearing waits for no other.

Browsers send one every 100 ms, sooner or later by a few.
"""

LONGEST_WAIT_MS = 250
"""After the last hearing what waits is heard, though no other piece comes."""


class InputBatcher:
    """The pieces of one session, in order. Times are clock milliseconds."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._sequences: list[int] = []
        self._heard_at_ms = -LONGEST_WAIT_MS

    @property
    def due_ms(self) -> int | None:
        """When it is to be heard at the latest; None when nothing waits."""
        return self._heard_at_ms + LONGEST_WAIT_MS if self._pieces else None

    def is_worth_hearing(self, now_ms: int) -> bool:
        """Whether there is no use in waiting for the next piece."""
        return self._bytes >= HEARD_BYTES or now_ms >= self._heard_at_ms + HEARD_EVERY_MS

    def add(self, data: bytes, sequence: int) -> None:
        """A message brought audio."""
        self._pieces.append(data)
        self._bytes += len(data)
        if sequence:
            self._sequences.append(sequence)

    def take(self, now_ms: int) -> tuple[bytes, int, int]:
        """All of it, and the first and last sequence that it came with; 0 where it had none."""
        data, self._pieces, self._bytes = b"".join(self._pieces), [], 0
        sequences, self._sequences = self._sequences or [0], []
        self._heard_at_ms = now_ms
        return data, sequences[0], sequences[-1]
