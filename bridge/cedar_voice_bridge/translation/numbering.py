"""Sequence numbers of a page and of other writers, merged into one sequence. Pure.

The number that a page gives a frame is the upper part of the frame's sequence number in the
session; requests of other writers count up in the lower part. So the service's acknowledgement
shows any bridge which frames of a page have arrived, and no bridge has to remember it.
"""

_OTHERS_BITS = 20
"""Room for a million requests of other writers between two frames of a page."""

MAX_NUMBER = (1 << 43) - 1


def sequence_of(number: int) -> int:
    """Return the sequence number of a frame that a page gave this number."""
    return number << _OTHERS_BITS


def number_in(sequence: int) -> int:
    """Return the number of the newest frame of a page at or before a sequence number.

    0 stands for none: the page has not sent a numbered frame yet.
    """
    return sequence >> _OTHERS_BITS
