"""The parts that every reader of a container yields."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Track:
    """The sound of one recording; the packets after it are for this codec.

    `codec` is the name of a libav decoder, `extradata` its setup bytes. `sample_rate_hz` and
    `channel_count` are 0 for codecs whose packets contain them.
    """

    codec: str
    extradata: bytes = b""
    sample_rate_hz: int = 0
    channel_count: int = 0


Part = Track | bytes
"""A new track, or a packet of the track before it."""


class Reader(Protocol):
    """Takes a container apart, however its bytes are cut."""

    def feed(self, data: bytes) -> list[Part]:
        """Receive more bytes; return the parts that are complete.

        Raises:
            BrokenAudio: the bytes are not this container. The reader is of no further use.
            UnsupportedAudio: the container holds a codec or layout that is not decoded; likewise.
        """
        ...

    def flush(self) -> list[Part]:
        """End the bytes; return the parts that were held back.

        Raises:
            CallerError: as `feed`.
        """
        ...
