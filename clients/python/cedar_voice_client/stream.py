"""One VoiceSession call as send and receive. Knows the wire, not the conversation.

grpc.aio ends a whole call when a read or a write of it is cancelled, so both run in tasks of their
own here: a timeout around `receive` or `send` costs nothing but the wait.
"""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import (
    InvalidRequest,
    SessionClosed,
    VoiceClientError,
    error_from_rpc,
)

Call = grpc.aio.StreamStreamCall[pb.VoiceSessionRequest, pb.VoiceSessionResponse]
_T = TypeVar("_T")

MAX_SEND_BYTES = 1 << 20
MAX_RECEIVE_BYTES = 4 << 20


class VoiceStream:
    """One call, open while inside the context; leaving it cancels what is left of the call.

    One task may receive while others send; sends go out one after the other.
    """

    def __init__(self, open_call: Callable[[], Call]) -> None:
        self._open_call = open_call
        self._call: Call | None = None
        self._status: grpc.aio.AioRpcError | None = None
        self._may_write = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[pb.VoiceSessionResponse | None] | None = None

    async def __aenter__(self) -> Self:
        self._call = self._open_call()
        self._call.add_done_callback(self._keep_status)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        pending = [task for task in (self._reading, self._writing) if task is not None]
        for task in pending:
            task.cancel()  # a write that waits for the connection does not see the call's end
        await asyncio.gather(*pending, return_exceptions=True)

    @property
    def is_sending(self) -> bool:
        """Whether a send is on its way."""
        return self._may_write.locked()

    async def send(self, request: pb.VoiceSessionRequest) -> None:
        """Send one message; returns when the transport has taken it.

        A cancelled send is still sent.

        Raises:
            InvalidRequest: the message is larger than `MAX_SEND_BYTES`; the stream goes on.
            VoiceClientError: the stream is over; the class says why.
        """
        size_bytes = request.ByteSize()
        if size_bytes > MAX_SEND_BYTES:
            raise InvalidRequest(
                f"a message of {size_bytes} bytes is above {MAX_SEND_BYTES}",
                code=ErrorCode.MESSAGE_TOO_LARGE,
            )
        await self._write(lambda call: call.write(request))

    async def done_sending(self) -> None:
        """Tell the server that no more input comes; receiving goes on.

        Raises:
            VoiceClientError: the stream broke; the class says why.
        """
        await self._write(lambda call: call.done_writing())

    async def receive(self) -> pb.VoiceSessionResponse | None:
        """The next message; None when the server closed the stream with OK.

        A cancelled receive loses nothing: the next one returns what it waited for.

        Raises:
            VoiceClientError: the stream is over; the class says why.
        """
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        response = await asyncio.shield(self._reading)
        self._reading = None
        return response

    async def _read(self) -> pb.VoiceSessionResponse | None:
        response = await self._attempt(lambda call: call.read())
        return response if isinstance(response, pb.VoiceSessionResponse) else None

    async def _write(self, operation: Callable[[Call], Coroutine[Any, Any, None]]) -> None:
        await self._may_write.acquire()
        self._writing = asyncio.create_task(self._attempt(operation))
        self._writing.add_done_callback(lambda _: self._may_write.release())
        await asyncio.shield(self._writing)

    async def _attempt(self, operation: Callable[[Call], Coroutine[Any, Any, _T]]) -> _T:
        """Run one operation of the call; what gRPC raises becomes one of our errors."""
        if self._call is None:
            raise SessionClosed("the stream is not open")
        try:
            return await operation(self._call)
        except grpc.aio.AioRpcError as failure:
            raise self._failure(failure) from None
        except (asyncio.InvalidStateError, grpc.aio.InternalError):
            raise self._failure(None) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._call is not None and task is not None and task.cancelling():
                raise
            raise SessionClosed() from None  # the call was cancelled, not the one who waits

    def _failure(self, raised: grpc.aio.AioRpcError | None) -> VoiceClientError:
        status = self._status or raised
        if self._call is None or status is None or status.code() is grpc.StatusCode.OK:
            return SessionClosed()
        return error_from_rpc(status)

    def _keep_status(self, call: Call) -> None:
        """Keep the status in the moment it arrives.

        A write that fails because the server has ended the call makes grpc.aio overwrite the
        server's status with its own "Internal error from Core" (grpc issue 36066).
        """
        if self._status is None:
            self._status = grpc.aio.AioRpcError(
                _at_once(call.code()),
                grpc.aio.Metadata(),
                _at_once(call.trailing_metadata()),
                _at_once(call.details()),
            )


def _at_once(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        result: _T = finished.value
        return result
    coroutine.close()
    raise RuntimeError("the coroutine has something to wait for")
