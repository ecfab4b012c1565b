"""One grpc.aio call that keeps every message and the status of the server. Not public.

grpc.aio keeps neither when a write fails because the server has ended the call: it overwrites the
server's status with an "Internal error from Core" (grpc issue 36066), and `read` then drops the
messages of the server that are not read yet.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc

import cedar_voice.v1 as pb
from cedar_voice_client.errors import SessionClosed, VoiceClientError, error_from_rpc

GrpcCall = grpc.aio.StreamStreamCall[pb.VoiceSessionRequest, pb.VoiceSessionResponse]
_T = TypeVar("_T")


class Call:
    """One VoiceSession call. One task reads, one writes at a time.

    Every operation raises a `VoiceClientError` when the call is over, and `SessionClosed` when the
    reason has not been read yet or there is none.
    """

    def __init__(self, call: GrpcCall) -> None:
        self._call = call
        self._responses = aiter(call)  # unlike `read`, works after a failed write
        self._status: grpc.aio.AioRpcError | None = None
        self._writer: asyncio.Task[Any] | None = None
        self._is_cancelled = False
        call.add_done_callback(self._keep_status)

    async def write(self, request: pb.VoiceSessionRequest) -> None:
        """Pass one message to the transport."""
        self._writer = asyncio.current_task()
        with self._own_errors():
            await self._call.write(request)

    async def done_writing(self) -> None:
        """Half-close the call."""
        with self._own_errors():
            await self._call.done_writing()

    async def read(self) -> pb.VoiceSessionResponse | None:
        """Return the next message; None after the last, when the server ended the call with OK."""
        with self._own_errors():
            try:
                return await anext(self._responses, None)
            except grpc.aio.AioRpcError as failure:
                self._status = self._status or failure
                if self._status.code() is grpc.StatusCode.OK:
                    return None
                raise

    def cancel(self) -> None:
        """End the call at once; operations in progress raise `SessionClosed`."""
        self._is_cancelled = True
        self._call.cancel()

    async def close(self) -> None:
        """Release a cancelled call that is no longer in use."""
        if isinstance(self._responses, AsyncGenerator):
            await self._responses.aclose()

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        try:
            yield
        except (grpc.aio.AioRpcError, grpc.aio.InternalError, asyncio.InvalidStateError):
            raise self._failure() from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling() and not self._is_cancelled:
                raise
            raise SessionClosed from None  # the call was cancelled, not the waiting task

    def _failure(self) -> VoiceClientError:
        status = None if self._is_cancelled else self._status
        if status is None or status.code() is grpc.StatusCode.OK:
            return SessionClosed()
        return error_from_rpc(status)

    def _keep_status(self, call: GrpcCall) -> None:
        """Keep the server's status at the moment of its arrival.

        A failed write makes up a status of its own, which arrives in the writing task.
        """
        if asyncio.current_task() is not self._writer:
            self._status = grpc.aio.AioRpcError(
                _at_once(call.code()),
                grpc.aio.Metadata(),
                _at_once(call.trailing_metadata()),
                _at_once(call.details()),
            )


def _at_once(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Return the result of a coroutine that does not wait.

    Raises:
        RuntimeError: it waits.
    """
    try:
        coroutine.send(None)
    except StopIteration as finished:
        result: _T = finished.value
        return result
    coroutine.close()
    raise RuntimeError("the coroutine waits")
