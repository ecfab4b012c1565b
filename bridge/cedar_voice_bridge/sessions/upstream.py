"""The upward line of a shared session: one writer, in order, that knows what was refused."""

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

SETTLE_TIMEOUT_S = 30.0
"""How long the service may take to hear an upload."""

QUIET_S = 0.25
QUIET_TIMEOUT_S = 1.0

_ROUNDS = 2
"""The answer to a ping overtakes what was said before it, but not what was said before the ping."""

OnPong = Callable[[pb.VoiceSessionResponse | None], None]
"""Gets the answer to a ping; None when there will be none."""


def nobody(_: pb.VoiceSessionResponse | None) -> None:
    """Nobody waits for the answer."""


class Upstream:
    """What goes up to a session. It outlives the streams of the session.

    Args:
        send_timeout_s: longest wait for the service to take a message.
        clock_s: a clock that never goes back.
    """

    def __init__(
        self, send_timeout_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.ready = pb.SessionReady()
        """The configuration in force; without `session_id` until the session is open."""
        self.last_turn_id = 0
        """The newest turn that was heard of, or that is certain to come."""
        self.accepted_sequence = 0
        """The newest message that the service has taken."""
        self._send_timeout_s = send_timeout_s
        self._clock_s = clock_s
        self._wanted_until_s = 0.0
        self._spoke_at_s = clock_s()  # a socket may be about to
        self._may_write = asyncio.Lock()
        self._session: asyncio.Future[ServiceSession] = asyncio.get_running_loop().create_future()
        self._pongs: deque[OnPong] = deque()
        self._refusals: deque[pb.Error] = deque(maxlen=16)

    @contextmanager
    def connected(self, session: ServiceSession) -> Iterator[None]:
        """Write to this stream for as long as the context lasts."""
        self.note(session.opening)
        self._session.set_result(session)
        try:
            yield
        finally:
            self._session = asyncio.get_running_loop().create_future()
            while self._pongs:
                self._pongs.popleft()(None)

    def fail(self, failure: VoiceClientError) -> None:
        """There is no stream and there will be none."""
        if not self._session.done():
            self._session.set_exception(failure)
            self._session.exception()  # whether or not somebody waits for it

    async def opened(self) -> None:
        """Wait for a stream.

        Raises:
            VoiceClientError: there is none; the class says why.
        """
        await asyncio.shield(self._session)

    def keep(self, duration_s: float) -> None:
        """Somebody may come back to the session within this time."""
        self._wanted_until_s = max(self._wanted_until_s, self._clock_s() + duration_s)

    @property
    def lease_s(self) -> float:
        """How long from now somebody may come back."""
        return self._wanted_until_s - self._clock_s()

    async def send(
        self, requests: Iterable[pb.VoiceSessionRequest], on_pong: OnPong = nobody
    ) -> None:
        """Send what a socket says.

        Raises:
            InvalidRequest: one of them is too large; the line goes on.
            VoiceClientError: they cannot be sent; the class says why.
        """
        async with self._may_write:
            for request in requests:
                if request.HasField("audio"):
                    self._spoke_at_s = self._clock_s()
                await self._write(request, on_pong)

    async def wait_quiet(self) -> None:
        """Wait until sockets have sent no audio for a moment.

        An upload that ends a recording overtakes what a socket has sent before it.
        """
        until_s = self._clock_s() + QUIET_TIMEOUT_S
        while (quiet_at_s := self._spoke_at_s + QUIET_S) > self._clock_s():
            if self._clock_s() > until_s:
                return
            await asyncio.sleep(quiet_at_s - self._clock_s())

    async def upload(self, requests: Iterable[pb.VoiceSessionRequest]) -> int:
        """Send requests and wait until the service has taken them, not until it has answered.

        Returns the newest turn that the session has then.

        Raises:
            VoiceClientError: they cannot be sent, or the service refuses one.
        """
        async with self._may_write:
            self._refusals.clear()
            first = (await asyncio.shield(self._session)).sent_sequence + 1
            for request in requests:
                await self._write(request)
            await self._settle()
            for refusal in self._refusals:
                # What has no number is refused by the turn machine, and only uploads ask that.
                if refusal.client_sequence == 0 or refusal.client_sequence >= first:
                    raise error_from_proto(refusal)
            return self.last_turn_id

    async def receive(self) -> pb.VoiceSessionResponse | None:
        """The next response for the browser; None when the service has ended the session.

        Raises:
            VoiceClientError: the stream is over; the class says why.
        """
        session = await asyncio.shield(self._session)
        while (response := await session.receive()) is not None:
            self.note(response)
            if not response.HasField("pong"):
                return response
            if self._pongs:
                self._pongs.popleft()(response)
        return None

    async def end_session(self) -> None:
        """Tell the service that nobody comes back.

        Raises:
            VoiceClientError: it cannot be told.
        """
        control = pb.Control(end_session=pb.EndSession())
        await self.send([pb.VoiceSessionRequest(control=control)])

    def note(self, response: pb.VoiceSessionResponse) -> None:
        """Keep what writers have to know of what the session says."""
        turn_id = response.turn_id + response.transcription.continues  # the rest is the next turn
        self.last_turn_id = max(self.last_turn_id, turn_id)
        self.accepted_sequence = max(self.accepted_sequence, response.ack)
        if response.HasField("ready"):
            self.ready = response.ready
        if response.HasField("error") and not response.turn_id:
            self._refusals.append(response.error)

    async def _write(self, request: pb.VoiceSessionRequest, on_pong: OnPong = nobody) -> None:
        session = await asyncio.shield(self._session)
        if 0 < request.sequence <= session.sent_sequence:
            return  # a browser that has come back says again what it does not know to have arrived
        if request.HasField("ping"):
            self._pongs.append(on_pong)
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await session.send(request)
        except TimeoutError:
            raise unavailable("the service takes no more") from None
        except VoiceClientError:
            if on_pong in self._pongs:
                self._pongs.remove(on_pong)
            raise

    async def _settle(self) -> None:
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                for _ in range(_ROUNDS):
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
