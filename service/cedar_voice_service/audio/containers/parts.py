"""What every reader yields, and how it refuses."""

from dataclasses import dataclass
from typing import Protocol

from cedar_voice_service.errors import CallerError, Code, Stage

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 192_000
MAX_CHANNELS = 8


@dataclass(frozen=True, slots=True)
class Track:
    """The sound of one recording; the packets after it are for this codec.

    `codec` is the name of a libav decoder, `extradata` its setup bytes. `sample_rate_hz` and
    `channel_count` are 0 for codecs whose packets tell.
    """

    codec: str
    extradata: bytes = b""
    sample_rate_hz: int = 0
    channel_count: int = 0

    def __post_init__(self) -> None:
        """Raises:
        CallerError: rate or channels are beyond what is decoded.
        """
        if self.sample_rate_hz:
            check_rate(self.sample_rate_hz)
        if self.channel_count > MAX_CHANNELS:
            raise unsupported(f"{self.channel_count} channels; at most {MAX_CHANNELS} are decoded")


Part = Track | bytes
"""A new track, or a packet of the track before it."""


class Reader(Protocol):
    """Takes a container apart, however its bytes are cut."""

    def feed(self, data: bytes) -> list[Part]:
        """Take more bytes; yields what is complete.

        Raises:
            CallerError: the bytes are not this container, or hold what is not supported. The reader
                is of no further use.
        """
        ...

    def flush(self) -> list[Part]:
        """The bytes end here; yields what was held back.

        Raises:
            CallerError: as `feed`.
        """
        ...


def check_rate(sample_rate_hz: int) -> None:
    """Raises:
    CallerError: the rate is not 8 to 192 kHz.
    """
    if not MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ:
        raise unsupported(f"a sample rate of {sample_rate_hz} Hz is not decoded")


def broken(message: str) -> CallerError:
    """The error for bytes that are not what they should be."""
    return CallerError(message, code=Code.AUDIO_DECODE_FAILED, stage=Stage.AUDIO_INPUT)


def unsupported(message: str, *, field: str = "") -> CallerError:
    """The error for sound audio that we cannot take."""
    return CallerError(
        message, code=Code.UNSUPPORTED_AUDIO_FORMAT, stage=Stage.AUDIO_INPUT, field=field
    )
