"""Calls inside the process, with delays, losses and silence from a seed.

A `Call` has both ends of a gRPC call: that of the servicer and that of the SDK. As over HTTP/2,
each direction keeps its order and holds a bounded number of messages; a further write waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, Self, TypeVar

import grpc

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import Unavailable, error_from_proto
from cedar_voice_service.errors import CedarVoiceError
from cedar_voice_service.wire.responses import encode_error
from tests.support.virtual_time import VirtualTimeLoop

WINDOWS = (1, 4, 32)
"""Most messages in transit in one direction; fewer on a slow link."""

PAUSE_S = (0.1, 8.0)
"""Shortest and longest pause of the whole process: less than a session waits for its client."""

KEEPALIVE_S = (0.0, 40.0)
"""Earliest and latest detection of a silent call at the server's end."""

EOF_BEFORE_CANCELLATION_S = 0.02
"""Longest time in which a disconnected client looks like one that has half-closed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The server ended the call: with an error, or None for OK."""

    error: pb.Error | None


T = TypeVar("T")


Handler = Callable[[Any, Any], Awaitable[None]]
"""Handler of a call: gRPC's first argument, which is not used, and the call."""


class Direction(Generic[T]):
    """Messages in one direction, each delivered no earlier than the one before it."""

    def __init__(self, chance: Random, slowest_s: float) -> None:
        self._chance = chance
        self._slowest_s = slowest_s
        self._queue: asyncio.Queue[tuple[float, T]] = asyncio.Queue(chance.choice(WINDOWS))
        self.stalled_until_s = 0.0
        self.is_silent = False

    async def put(self, message: T) -> None:
        """Send; a message sent into silence is lost."""
        if not self.is_silent:
            arrives_s = _now_s() + self._chance.uniform(0.0, self._slowest_s)
            await self._queue.put((max(arrives_s, self.stalled_until_s), message))

    async def get(self) -> T:
        """Return the next message, when it arrives."""
        while True:
            arrives_s, message = await self._queue.get()
            await asyncio.sleep(max(0.0, arrives_s - _now_s()))
            if not self.is_silent:
                return message


class Call:
    """One call, with both of its ends."""

    def __init__(self, chance: Random, group: asyncio.TaskGroup) -> None:
        self._group = group
        slowest_s = chance.choice((0.0, 0.005, 0.2))
        self._chance = chance
        self._up: Direction[pb.VoiceSessionRequest] = Direction(chance, slowest_s)
        self._down: Direction[pb.VoiceSessionResponse | Ended] = Direction(chance, slowest_s)
        self._lost_to_client, self._lost_to_server = asyncio.Event(), asyncio.Event()
        self.handler: asyncio.Task[None] | None = None
        self._receiving: asyncio.Task[pb.VoiceSessionResponse | Ended] | None = None

    # -- the client's end: the part of `VoiceStream` that the SDK uses --------------------------

    is_sending = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._lost_to_client.set()
        if self._receiving is not None:
            await asyncio.gather(self._receiving, return_exceptions=True)
        self._group.create_task(self._lose_server(0.0))

    async def send(self, request: pb.VoiceSessionRequest) -> None:
        """Send a message.

        Raises:
            Unavailable: the call is broken.
        """
        copy = pb.VoiceSessionRequest.FromString(request.SerializeToString())
        await self._or_lost(self._up.put(copy))

    async def receive(self) -> pb.VoiceSessionResponse | None:
        """Return the next message; None when the server has ended the call with OK. A cancelled
        receive loses nothing.

        Raises:
            Unavailable: the call is broken.
            VoiceClientError: the server ended the call with an error.
        """
        if self._receiving is None:
            self._receiving = asyncio.create_task(self._or_lost(self._down.get()))
        message = await asyncio.shield(self._receiving)
        self._receiving = None
        if not isinstance(message, Ended):
            return message
        if message.error is not None:
            raise error_from_proto(message.error)
        return None

    async def _or_lost(self, operation: Coroutine[Any, Any, T]) -> T:
        working = asyncio.create_task(operation)
        losing = asyncio.create_task(self._lost_to_client.wait())
        try:
            await asyncio.wait((working, losing), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise Unavailable("lost", code=ErrorCode.UNAVAILABLE, retryable=True)
            return working.result()
        finally:
            working.cancel()
            losing.cancel()

    # -- the server's end: the part of `grpc.aio.ServicerContext` that the servicer uses -------

    def invocation_metadata(self) -> grpc.aio.Metadata:
        """Return no metadata: the caller is anonymous."""
        return grpc.aio.Metadata()

    async def read(self) -> object:
        """Return the next message; EOF when the client is disconnected."""
        reading = asyncio.create_task(self._up.get())
        losing = asyncio.create_task(self._lost_to_server.wait())
        try:
            await asyncio.wait((reading, losing), return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else grpc.aio.EOF
        finally:
            reading.cancel()
            losing.cancel()

    async def write(self, response: pb.VoiceSessionResponse) -> None:
        """Send a message."""
        await self._down.put(response)

    async def end(self, error: pb.Error | None) -> None:
        """Close the call."""
        await self._down.put(Ended(error))

    # -- faults --------------------------------------------------------------------------------

    def stall(self, seconds: float) -> None:
        """Delay every message for a time; none is lost."""
        for direction in (self._up, self._down):
            direction.stalled_until_s = _now_s() + seconds

    async def break_off(self, *, is_detected: bool) -> None:
        """Cut the connection. Both ends detect it at once, or the server after its keepalive time
        and the client by a probe.
        """
        self._up.is_silent = self._down.is_silent = True
        server_s = 0.0 if is_detected else self._chance.uniform(*KEEPALIVE_S)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._lose_server(server_s))
            if is_detected:
                self._lost_to_client.set()

    async def _lose_server(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._lost_to_server.set()
        await asyncio.sleep(self._chance.uniform(0.0, EOF_BEFORE_CANCELLATION_S))
        if self.handler is not None:
            self.handler.cancel()


class Network:
    """Opens calls to one service, and breaks them. Use as a context.

    Args:
        faults: most calls that are broken or stalled.
    """

    def __init__(
        self,
        chance: Random,
        *,
        faults: int,
    ) -> None:
        self._chance = chance
        self._serve: Handler | None = None
        self._calls: set[Call] = set()
        self._group = asyncio.TaskGroup()
        self.kills = 0
        self._faults_left = faults

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._group.__aexit__(None, None, None)  # every call ends by itself

    def connect(self, *, is_harmed: bool = True) -> Call:
        """Return a new call; without faults, it lasts as long as the service."""
        call = Call(self._chance, self._group)
        self._calls.add(call)
        if self._serve is None:
            self._group.create_task(call.break_off(is_detected=True))
            return call
        call.handler = self._group.create_task(self._handle(call, self._serve))
        if self._faults_left and is_harmed:
            self._faults_left -= 1
            self._group.create_task(self._harm(call))
        return call

    def serve(self, handler: Handler) -> None:
        """Accept calls from now on."""
        self._serve = handler

    async def kill(self) -> None:
        """Kill the service, and with it every call."""
        self._serve = None
        self.kills += 1
        async with asyncio.TaskGroup() as group:
            for call in self._calls:
                group.create_task(call.break_off(is_detected=True))
        self._calls.clear()

    async def _handle(self, call: Call, serve: Handler) -> None:
        try:
            await serve(None, call)
        except CedarVoiceError as error:
            await call.end(encode_error(error, is_fatal=True))
        else:
            await call.end(None)

    async def _harm(self, call: Call) -> None:
        await asyncio.sleep(self._chance.choice((0.0, 0.05, 0.5, 3.0)) * self._chance.random())
        match self._chance.randrange(5):
            case 0:
                call.stall(self._chance.uniform(0.1, 5.0))
            case 4:
                _pause_process(self._chance.uniform(*PAUSE_S))
            case 1:
                await call.break_off(is_detected=False)
            case _:
                await call.break_off(is_detected=True)


def _pause_process(duration_s: float) -> None:
    """Pause the process, as a suspended or overloaded machine does: the clock jumps."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.hold(duration_s)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
