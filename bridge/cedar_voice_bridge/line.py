"""The upward line of a shared session: one writer, in order, that knows what was refused."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import cedar_voice.v1 as pb
from cedar_voice_bridge.endings import unavailable
from cedar_voice_bridge.sessions import BrowserSession
from cedar_voice_client import VoiceClientError
from cedar_voice_client.errors import error_from_proto

SETTLE_TIMEOUT_S = 30.0
"""How long the service may take to hear an upload."""

QUIET_S = 0.25
QUIET_TIMEOUT_S = 1.0

_ROUNDS = 2
"""The answer to a ping overtakes what was said before it, but not what was said before the ping."""


class Line:
    """What goes up to a session. It outlives the streams of the session."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.was_open = False
        self.last_turn_id = 0
        """The newest turn that was heard of."""
        self.is_recording = False
        """Whether an upload has begun a recording and none has ended it."""
        self._clock_s = clock_s
        self._used_at_s = clock_s()
        self._sent_at_s = clock_s()  # a socket may be about to
        self._may_write = asyncio.Lock()
        self._session: asyncio.Future[BrowserSession] = asyncio.get_running_loop().create_future()
        self._sent_sequence = 0
        self._received_sequence = 0
        self._pong: asyncio.Future[None] | None = None
        self._refusals: deque[pb.Error] = deque(maxlen=16)

    @contextmanager
    def connected(self, session: BrowserSession) -> Iterator[None]:
        """Write to this stream for as long as the context lasts."""
        self.was_open = True
        self._sent_sequence = max(self._sent_sequence, session.opening.ack)
        self._session.set_result(session)
        try:
            yield
        finally:
            self._session = asyncio.get_running_loop().create_future()
            if self._pong is not None and not self._pong.done():
                self._pong.set_exception(unavailable("the service went away"))

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
        self._used_at_s = self._clock_s()
        await asyncio.shield(self._session)

    def was_used_within(self, duration_s: float) -> bool:
        """Whether somebody has sent something in this last time."""
        return self._clock_s() - self._used_at_s < duration_s

    async def send(self, requests: Iterable[pb.VoiceSessionRequest]) -> None:
        """Send what a socket says.

        Raises:
            VoiceClientError: they cannot be sent; the class says why.
        """
        async with self._may_write:
            self._sent_at_s = self._clock_s()
            await self._write(requests)

    async def until_quiet(self) -> None:
        """Wait until sockets have sent nothing for a moment.

        An upload that ends a recording overtakes what a socket has sent before it.
        """
        until_s = self._clock_s() + QUIET_TIMEOUT_S
        while (quiet_at_s := self._sent_at_s + QUIET_S) > self._clock_s():
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
            first = self._sent_sequence + 1
            await self._write(requests)
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
            if response.HasField("pong"):
                if self._pong is not None and not self._pong.done():
                    self._pong.set_result(None)
                continue
            session.delivered(response)
            self._received_sequence = max(self._received_sequence, response.sequence)
            self.last_turn_id = max(self.last_turn_id, response.turn_id)
            if response.HasField("error") and not response.turn_id:
                self._refusals.append(response.error)
            return response
        return None

    async def end_session(self) -> None:
        """Tell the service that nobody comes back.

        Raises:
            VoiceClientError: it cannot be told.
        """
        control = pb.Control(end_session=pb.EndSession())
        await self.send([pb.VoiceSessionRequest(control=control)])

    async def _write(self, requests: Iterable[pb.VoiceSessionRequest]) -> None:
        session = await asyncio.shield(self._session)
        self._used_at_s = self._clock_s()
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                for request in requests:
                    self._sent_sequence += 1
                    request.sequence = self._sent_sequence
                    request.ack = self._received_sequence
                    await session.send(request)
        except TimeoutError:
            raise unavailable("the service takes no more") from None

    async def _settle(self) -> None:
        session = await asyncio.shield(self._session)
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                for _ in range(_ROUNDS):
                    self._pong = asyncio.get_running_loop().create_future()
                    await session.send(pb.VoiceSessionRequest(ping=pb.Ping()))
                    await self._pong
        except TimeoutError:
            raise unavailable("the service does not answer") from None
        finally:
            self._pong = None
