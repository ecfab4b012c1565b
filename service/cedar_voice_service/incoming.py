"""Messages of a client on a call. A read in progress is never cancelled: it ends with the call.

grpcio keeps about 100 bytes, for good, of each read that is cancelled.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

import grpc

import cedar_voice.v1 as pb
from cedar_voice_service.errors import CallerError

Context = grpc.aio.ServicerContext[pb.VoiceSessionRequest, pb.VoiceSessionResponse]

Reading = Callable[[], Coroutine[Any, Any, None]]


def message_of(read: object) -> pb.VoiceSessionRequest | None:
    """Return the message that a call has read; None at its end.

    Raises:
        CallerError: INVALID_MESSAGE, it cannot be read.
    """
    if isinstance(read, CallerError):
        raise read
    return read if isinstance(read, pb.VoiceSessionRequest) else None


class Incoming:
    """The messages of one call, for one reader."""

    _readers: ClassVar[set[asyncio.Task[None]]] = set()

    def __init__(self, context: Context) -> None:
        self._context = context
        self._is_reading = False
        self._is_over = False

    async def next(self) -> pb.VoiceSessionRequest | None:
        """Read the next message; return None after the last.

        Raises:
            CallerError: INVALID_MESSAGE, it cannot be read.
        """
        self._is_reading = True
        try:
            request = await self._context.read()
        except grpc.aio.BaseError:
            if self._is_over:
                raise asyncio.CancelledError from None
            raise
        finally:
            self._is_reading = False
        if self._is_over:
            raise asyncio.CancelledError
        return message_of(request)

    async def run_reader(self, read: Reading) -> None:
        """Run the coroutine that reads the messages, in a task of its own.

        Cancelled, it returns at once, and so does the reader, unless it waits for a message: it
        is cancelled when the wait is over.
        """
        reader = asyncio.create_task(read())
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        try:
            await asyncio.shield(reader)
        finally:
            self._is_over = True
            if not self._is_reading:
                reader.cancel()
