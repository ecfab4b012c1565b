"""Boxes of MP4."""

import struct
from collections.abc import Iterator

MAX_SAMPLES = 1 << 16
"""Most samples that one index may list; a sample is about 20 ms."""

Range = tuple[int, int]
"""Position of a sample in the file: offset and size in bytes."""


def children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of each box in `data`, up to the first that is not complete."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1 and at + 16 <= len(data):
            size = int.from_bytes(data[at + 8 : at + 16], "big")
            header = 16
        end = len(data) if size == 0 else at + size
        if end < at + header or end > len(data):
            return
        yield kind, data[at + header : end]
        at = end


def descend(data: bytes, *path: bytes) -> bytes:
    """Return the content of the first box at `path`; empty when there is none."""
    for name in path:
        data = next((content for kind, content in children(data) if kind == name), b"")
    return data
