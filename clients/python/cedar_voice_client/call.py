"""One grpc.aio call that loses nothing and tells its end as the server did. Not public.

grpc.aio does neither by itself when a write fails because the server has ended the call: it
overwrites the server's status with an "Internal error from Core" (grpc issue 36066), and `read`
then gives up what the server has said and is not yet read.
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
    reason is still to be read or there is none.
    """

    def __init__(self, call: GrpcCall) -> None:
        self._call = call
        self._responses = aiter(call)  # unlike `read`, it goes on after a failed write
        self._status: grpc.aio.AioRpcError | None = None
        self._writer: asyncio.Task[Any] | None = None
        self._is_cancelled = False
        call.add_done_callback(self._keep_status)

    async def write(self, request: pb.VoiceSessionRequest) -> None:
        """Hand one message to the transport."""
        self._writer = asyncio.current_task()
        with self._own_errors():
            await self._call.write(request)

    async def done_writing(self) -> None:
        """Half-close the call."""
        with self._own_errors():
            await self._call.done_writing()

    async def read(self) -> pb.VoiceSessionResponse | None:
        """The next message; None after the last, when the server ended the call with OK."""
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
        """Let go of a cancelled call that nobody uses any more."""
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
            raise SessionClosed from None  # the call was cancelled, not the one who waits

    def _failure(self) -> VoiceClientError:
        status = None if self._is_cancelled else self._status
        if status is None or status.code() is grpc.StatusCode.OK:
            return SessionClosed()
        return error_from_rpc(status)

    def _keep_status(self, call: GrpcCall) -> None:
        """Keep the server's status in the moment it arrives.

        The status that a failing write makes up is told by the task in which it arrives.
        """
        if asyncio.current_task() is not self._writer:
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
