"""The protocol between the service and its child processes: one request, one reply, over pipes.

A frame is a kind (one byte), a length (four bytes, big endian) and a body. A child announces that
it is ready with an empty reply, answers every request with exactly one, and ends with its input.
Each child defines the kinds of its requests: the begin of something, its data, its end.
"""

import os
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO

BEGIN, DATA, END, REPLY = b"b", b"d", b"e", b"r"
MAX_BODY_BYTES = 1 << 26

_HEADER = struct.Struct("!cI")


def frame_of(kind: bytes, body: bytes = b"") -> bytes:
    """Put a header before the body."""
    return _HEADER.pack(kind, len(body)) + body


class FrameReader:
    """Cuts frames out of bytes that arrive in any pieces."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Receive more bytes; return the frames (kind, body) that are complete.

        Raises:
            ValueError: a frame claims more than `MAX_BODY_BYTES`; no later byte can be trusted.
        """
        self._buffer += data
        frames = []
        while (frame := self._cut()) is not None:
            frames.append(frame)
        return frames

    def _cut(self) -> tuple[bytes, bytes] | None:
        if len(self._buffer) < _HEADER.size:
            return None
        kind, length = _HEADER.unpack_from(self._buffer)
        if length > MAX_BODY_BYTES:
            raise ValueError(f"a frame of {length} bytes")
        end = _HEADER.size + length
        if len(self._buffer) < end:
            return None
        body = bytes(memoryview(self._buffer)[_HEADER.size : end])
        del self._buffer[:end]
        return kind, body


def serve(answer: Callable[[bytes, bytes], bytes]) -> None:
    """Run a child process: announce readiness, then answer (kind, body) until the input ends."""
    requests, replies = sys.stdin.buffer, _claim_stdout()
    try:
        _send(replies, b"")
        while (frame := _read(requests)) is not None:
            _send(replies, answer(*frame))
    except BrokenPipeError:
        # The service is gone, and so is every reader of a message.
        os._exit(0)


def _claim_stdout() -> BinaryIO:
    # The output of native libraries goes to stderr: it must not get between the frames.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _send(replies: BinaryIO, body: bytes) -> None:
    replies.write(frame_of(REPLY, body))
    replies.flush()


def _read(requests: BinaryIO) -> tuple[bytes, bytes] | None:
    header = requests.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, length = _HEADER.unpack(header)
    body = requests.read(length)
    return (kind, body) if len(body) == length else None
