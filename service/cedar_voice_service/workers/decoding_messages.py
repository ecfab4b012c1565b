"""The messages between the service and its decoding workers, inside the frames of `frames`."""

import struct

import msgspec

from cedar_voice_service.errors import Code

NUMBER = struct.Struct("!Q")
"""Number of a decoder, at the beginning of each request."""

SAMPLES, REFUSED = b"s", b"r"
"""First byte of a reply, before samples or a `DecodingRefusal`."""


class DecodingRefusal(msgspec.Struct, frozen=True):
    """A `CallerError` on its way to the service."""

    code: Code
    message: str
    field: str
