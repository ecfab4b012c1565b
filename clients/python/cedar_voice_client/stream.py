"""One VoiceSession call as send and receive, without knowledge of the conversation.

grpc.aio ends a whole call when a read or a write of it is cancelled. Here both run in tasks of
their own, so a timeout around `receive` or `send` costs nothing but the wait.
"""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

import cedar_voice.v1 as pb
from cedar_voice_client.call import Call, GrpcCall
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import InvalidRequest, SessionClosed

_T = TypeVar("_T")

MAX_SEND_BYTES = 1 << 20
MAX_RECEIVE_BYTES = 4 << 20


class VoiceStream:
    """One call, open while inside the context; leaving it cancels the rest of the call.

    One task may receive while others send; messages are sent one at a time.
    """

    def __init__(self, open_call: Callable[[], GrpcCall]) -> None:
        self._open_call = open_call
        self._call: Call | None = None
        self._may_write = asyncio.Lock()
        self._writing: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[pb.VoiceSessionResponse | None] | None = None

    async def __aenter__(self) -> Self:
        self._call = Call(self._open_call())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        call, self._call = self._opened(), None
        call.cancel()
        pending = [task for task in (self._reading, self._writing) if task is not None]
        for task in pending:
            task.cancel()  # a write that waits for the connection does not notice the call's end
        await asyncio.gather(*pending, return_exceptions=True)
        await call.close()

    @property
    def is_sending(self) -> bool:
        """Whether a send is in progress."""
        return self._may_write.locked()

    async def send(self, request: pb.VoiceSessionRequest) -> None:
        """Send one message; return when the transport has accepted it.

        The message of a cancelled send is still sent.

        Raises:
            InvalidRequest: the message is larger than `MAX_SEND_BYTES`; the stream continues.
            SessionClosed: the stream is over; `receive` raises the reason.
            VoiceClientError: the stream is over; the class gives the reason.
        """
        size_bytes = request.ByteSize()
        if size_bytes > MAX_SEND_BYTES:
            raise InvalidRequest(
                f"a message of {size_bytes} bytes is above {MAX_SEND_BYTES}",
                code=ErrorCode.MESSAGE_TOO_LARGE,
            )
        await self._write(lambda call: call.write(request))

    async def done_sending(self) -> None:
        """Announce the end of the input to the server; receiving continues.

        Raises:
            VoiceClientError: the stream is broken; the class gives the reason.
        """
        await self._write(lambda call: call.done_writing())

    async def receive(self) -> pb.VoiceSessionResponse | None:
        """Return the next message; None when the server closed the stream with OK.

        A cancelled receive loses nothing: the next one returns its message.

        Raises:
            VoiceClientError: the stream is over; the class gives the reason.
        """
        if self._reading is None:
            self._reading = asyncio.create_task(self._opened().read())
        response = await _outcome_of(self._reading)
        self._reading = None
        return response

    async def _write(self, operation: Callable[[Call], Coroutine[Any, Any, None]]) -> None:
        call = self._opened()
        await self._may_write.acquire()
        self._writing = asyncio.create_task(operation(call))
        self._writing.add_done_callback(lambda _: self._may_write.release())
        await _outcome_of(self._writing)

    def _opened(self) -> Call:
        if self._call is None:
            raise SessionClosed("the stream is not open")
        return self._call


async def _outcome_of(task: "asyncio.Task[_T]") -> _T:
    """Return the result of a task, which continues when the waiting task is cancelled."""
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        waiting = asyncio.current_task()
        if waiting is not None and waiting.cancelling():
            raise
        raise SessionClosed from None  # the stream was closed before the task began
