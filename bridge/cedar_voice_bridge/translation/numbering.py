"""Numbers of a page and of everybody else in one sequence. Pure.

The number that a page gives a frame is the upper part of its place in the session's sequence; what
others say after it counts up in the lower part. So the service's acknowledgement tells any bridge
what of a page has arrived, and none has to remember it.
"""

_OTHERS_BITS = 20
"""Between two frames of a page, others may say a million things."""

MAX_NUMBER = (1 << 43) - 1


def sequence_of(number: int) -> int:
    """The place of a frame that a page gave this number."""
    return number << _OTHERS_BITS


def number_in(sequence: int) -> int:
    """The newest frame of a page up to this place; 0 before the first."""
    return sequence >> _OTHERS_BITS
