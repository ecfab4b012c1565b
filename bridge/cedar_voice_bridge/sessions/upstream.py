"""The upstream of a shared session: all requests of its writers in one order, and refusals."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import cedar_voice.v1 as pb
from cedar_voice_bridge.http.close_codes import unavailable
from cedar_voice_bridge.sessions.service_session import ServiceSession
from cedar_voice_client import VoiceClientError
from cedar_voice_client.errors import error_from_proto

RECEIPT_TIMEOUT_S = 30.0
"""Longest wait for the service to receive an upload."""

QUIET_S = 0.25
"""Time without audio of a socket after which an upload may end a recording."""

QUIET_TIMEOUT_S = 1.0
"""Longest wait for such a quiet time."""

_ROUND_TRIPS = 2
"""The answer to a ping overtakes responses before it, but none that were sent before the ping.

So the first round trip shows that the service has received the requests, the second one that its
refusals have arrived.
"""

OnPong = Callable[[pb.VoiceSessionResponse | None], None]
"""Receives the answer to a ping; None if the stream breaks before it."""


def ignore_pong(_: pb.VoiceSessionResponse | None) -> None:
    """Ignore the answer to a ping."""


class Upstream:
    """The requests of a session's writers, in one order. It outlives the session's streams.

    Args:
        send_timeout_s: longest wait for the service to accept a message.
        clock_s: a monotonic clock.
    """

    def __init__(
        self, send_timeout_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.ready = pb.SessionReady()
        """The configuration in force; without `session_id` until the session is open."""
        self.last_turn_id = 0
        """The newest turn that the session has reported, or is certain to begin."""
        self.accepted_sequence = 0
        """Sequence number of the newest message that the service has accepted."""
        self._send_timeout_s = send_timeout_s
        self._clock_s = clock_s
        self._lease_ends_s = 0.0
        self._last_audio_s = clock_s()  # a socket may be about to send
        self._may_write = asyncio.Lock()
        self._session: asyncio.Future[ServiceSession] = asyncio.get_running_loop().create_future()
        self._pongs: deque[OnPong] = deque()
        self._refusals: deque[pb.Error] = deque(maxlen=16)

    @contextmanager
    def connected(self, session: ServiceSession) -> Iterator[None]:
        """Write to this stream for as long as the context lasts."""
        self.record(session.opening)
        self._session.set_result(session)
        try:
            yield
        finally:
            self._session = asyncio.get_running_loop().create_future()
            while self._pongs:
                self._pongs.popleft()(None)

    def fail(self, failure: VoiceClientError) -> None:
        """Let every writer fail: the session has no stream and will have none."""
        if not self._session.done():
            self._session.set_exception(failure)
            self._session.exception()  # retrieved, also if no writer waits for it

    async def wait_open(self) -> None:
        """Wait until the session has a stream.

        Raises:
            VoiceClientError: it has none; the class gives the reason.
        """
        await asyncio.shield(self._session)

    def extend_lease(self, duration_s: float) -> None:
        """Keep the session for at least this time from now, also without a reader."""
        self._lease_ends_s = max(self._lease_ends_s, self._clock_s() + duration_s)

    @property
    def lease_s(self) -> float:
        """Time for which the session is still kept without a reader; negative once it is over."""
        return self._lease_ends_s - self._clock_s()

    async def send(
        self, requests: Iterable[pb.VoiceSessionRequest], on_pong: OnPong = ignore_pong
    ) -> None:
        """Send the requests of a socket.

        Args:
            requests: sent in this order, without requests of other writers between them.
            on_pong: receives the answer to each ping among the requests.

        Raises:
            InvalidRequest: a request is too large; the stream stays usable.
            VoiceClientError: a request cannot be sent; the class gives the reason.
        """
        async with self._may_write:
            for request in requests:
                if request.HasField("audio"):
                    self._last_audio_s = self._clock_s()
                await self._write(request, on_pong)

    async def wait_quiet(self) -> None:
        """Wait until sockets have sent no audio for a moment.

        An upload that ends a recording overtakes audio that a socket has sent before it.
        """
        until_s = self._clock_s() + QUIET_TIMEOUT_S
        while (quiet_at_s := self._last_audio_s + QUIET_S) > self._clock_s():
            if self._clock_s() > until_s:
                return
            await asyncio.sleep(quiet_at_s - self._clock_s())

    async def upload(self, requests: Iterable[pb.VoiceSessionRequest]) -> int:
        """Send requests, wait until the service has accepted them, and return the newest turn.

        The answers to the requests are not awaited.

        Raises:
            VoiceClientError: a request cannot be sent, or the service refuses it.
        """
        async with self._may_write:
            self._refusals.clear()
            first = (await asyncio.shield(self._session)).sent_sequence + 1
            for request in requests:
                await self._write(request)
            await self._wait_accepted()
            for refusal in self._refusals:
                # A refusal without a number comes from the session core; only uploads cause it.
                if refusal.client_sequence == 0 or refusal.client_sequence >= first:
                    raise error_from_proto(refusal)
            return self.last_turn_id

    async def receive(self) -> pb.VoiceSessionResponse | None:
        """Return the next response for browsers; None once the service has ended the session.

        Raises:
            VoiceClientError: the stream is over; the class gives the reason.
        """
        session = await asyncio.shield(self._session)
        while (response := await session.receive()) is not None:
            self.record(response)
            if not response.HasField("pong"):
                return response
            if self._pongs:
                self._pongs.popleft()(response)
        return None

    async def end_session(self) -> None:
        """Request the end of the session.

        Raises:
            VoiceClientError: the request cannot be sent.
        """
        control = pb.Control(end_session=pb.EndSession())
        await self.send([pb.VoiceSessionRequest(control=control)])

    def record(self, response: pb.VoiceSessionResponse) -> None:
        """Record the parts of a response that writers depend on."""
        turn_id = response.turn_id + response.transcription.continues  # the rest is the next turn
        self.last_turn_id = max(self.last_turn_id, turn_id)
        self.accepted_sequence = max(self.accepted_sequence, response.ack)
        if response.HasField("ready"):
            self.ready = response.ready
        if response.HasField("error") and not response.turn_id:
            self._refusals.append(response.error)

    async def _write(self, request: pb.VoiceSessionRequest, on_pong: OnPong = ignore_pong) -> None:
        session = await asyncio.shield(self._session)
        if 0 < request.sequence <= session.sent_sequence:
            return  # a browser that reconnects repeats requests that may not have arrived
        if request.HasField("ping"):
            self._pongs.append(on_pong)
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await session.send(request)
        except TimeoutError:
            raise unavailable("the service accepts no more messages") from None
        except VoiceClientError:
            if on_pong in self._pongs:
                self._pongs.remove(on_pong)
            raise

    async def _wait_accepted(self) -> None:
        try:
            async with asyncio.timeout(RECEIPT_TIMEOUT_S):
                for _ in range(_ROUND_TRIPS):
                    await self._round_trip()
        except TimeoutError:
            raise unavailable("the service does not answer") from None

    async def _round_trip(self) -> None:
        answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def on_pong(response: pb.VoiceSessionResponse | None) -> None:
            if not answered.done():
                answered.set_result(response is not None)

        await self._write(pb.VoiceSessionRequest(ping=pb.Ping()), on_pong)
        if not await answered:
            raise unavailable("the service went away")
