"""One session over as many calls as it takes, in the messages of the contract.

A stream that breaks, or falls silent, is opened again and resumed: what was not received is sent
again, what was received already is ignored on both sides. A session that the service has lost is
opened again with what the client knows of it, and that is told.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import (
    InvalidRequest,
    ServerFailed,
    SessionClosed,
    SessionLost,
    SessionRefused,
    Unavailable,
    VoiceClientError,
    error_from_proto,
)
from cedar_voice_client.options import Recovery
from cedar_voice_client.recovery.backoff import wait_s
from cedar_voice_client.recovery.recovery_state import HEARTBEAT_AT_MS, RecoveryState
from cedar_voice_client.recovery.send_buffer import NUMBERED
from cedar_voice_client.stream import MAX_SEND_BYTES, VoiceStream

ACKNOWLEDGE_EVERY = 32

STEADY_S = 10.0
"""How long a stream lasts that has ended an outage: a service may take a stream and break it."""

UNDER_WAY = 1_000
"""Messages at most that a client before us may have sent and the service has not taken yet; their
numbers are left to them."""

MAX_RESTORES = 3
"""Times in a row a session is restored that says nothing, and answers no ping: it may break the
service."""


class ResumingStream:
    """A session of the service, open while inside the context.

    One task receives, any may send. What is sent while the stream is broken waits; receiving mends
    it.

    Args:
        open_stream: opens a call.
        recovery: None leaves the session to its first stream.
        next_token: gives the token with which a stream goes on whose own expires.
        done_with: number of the event up to which nothing is needed again by anybody, when that is
            not what was received: others read on behalf of whom this client receives.
        clock_s: a clock that never goes back.
        draw: a random number of 0.0 to 1.0.
    """

    def __init__(
        self,
        open_stream: Callable[[], VoiceStream],
        recovery: Recovery | None = None,
        *,
        next_token: Callable[[], str] | None = None,
        done_with: Callable[[], int] | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._open_stream = open_stream
        self._recovery = recovery
        self._next_token = next_token
        self._clock_s = clock_s
        self._draw = draw
        self._state = RecoveryState(
            self._bounds.max_audio_bytes, self._bounds.max_audio_s, done_with
        )
        self._link: _Link | None = None
        self._told: deque[pb.VoiceSessionResponse] = deque()
        self._may_write = asyncio.Lock()
        self._outage = _Outage()
        self._end: VoiceClientError | None = None
        self.restored = Restored()
        """What became of the session when it was last lost."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if (mending := self._outage.mending) is not None:
            mending.cancel()
            await asyncio.gather(mending, return_exceptions=True)
        if self._link is not None:
            await self._link.close()

    async def open(
        self, config: pb.SessionConfig, *, timeout_s: float | None = None
    ) -> pb.VoiceSessionResponse:
        """Open the session, or resume one; gives the server's `ready`.

        Raises:
            VoiceClientError: the server cannot be reached or refuses; it is not tried again.
        """
        self._state.begin(config)
        timeout_s = timeout_s or self._bounds.open_timeout_s
        link, opening = await self._connect(config, timeout_s)
        self._state.record_ready(opening)
        sent = opening.ack + UNDER_WAY if opening.ready.resumed else 0
        self._state.send_buffer.sent_sequence = link.written = sent
        self._state.send_buffer.acknowledge(opening.ack, opening.ack)
        self._link = link
        return opening

    def recall(self, known: pb.GetSessionResponse, ready: pb.SessionReady) -> None:
        """Learn what was said before this client came, should the session have to be restored.

        Args:
            known: the conversation, as `VoiceClient.conversation` tells it.
            ready: what the session was resumed with; what was replayed has been received.
        """
        self._state.recall(known, ready)

    @property
    def _bounds(self) -> Recovery:
        return self._recovery or Recovery()

    @property
    def sent_sequence(self) -> int:
        """Number of the newest message."""
        return self._state.send_buffer.sent_sequence

    # -- sending -------------------------------------------------------------------------------

    async def send(self, request: pb.VoiceSessionRequest) -> None:
        """Send a message; numbered, and sent again where needed, if it has to be heard once.

        A `sequence` of its own is kept if it is above all before it.

        Raises:
            InvalidRequest: it is larger than `MAX_SEND_BYTES`; the session goes on.
            Unavailable: too many messages wait for the server to come back.
            VoiceClientError: the session is over; the class says why.
        """
        if request.ByteSize() > MAX_SEND_BYTES:
            raise InvalidRequest(
                f"a message of {request.ByteSize()} bytes is above {MAX_SEND_BYTES}",
                code=ErrorCode.MESSAGE_TOO_LARGE,
            )
        if self._end is not None:
            raise self._end
        if request.WhichOneof("payload") in NUMBERED:
            self._state.buffer_message(request, self._clock_s())
            await self._flush()
            return
        if request.HasField("ping"):
            self._state.pings.append(request)
        await self._write(request)

    async def done_sending(self) -> None:
        """Say that no more input comes; receiving goes on."""
        self._state.has_done_sending = True
        await self._flush()
        if (link := self._link) is not None:
            with self._errors_left_to_receive():
                await link.stream.done_sending()

    # -- receiving -----------------------------------------------------------------------------

    async def receive(self) -> pb.VoiceSessionResponse | None:
        """The next message, each once and in order; None when the server closed with OK.

        After a break comes a `ready` that says whether the session was resumed or restored; after a
        loss, before it, what ends the answer that was in progress. A cancelled receive loses
        nothing.

        Raises:
            SessionLost: the server has lost the session, and it is not restored.
            VoiceClientError: the session is over; the class says why.
        """
        try:
            while not self._told:
                if self._link is None:
                    await self._await_reconnect()
                elif not await self._receive(self._link):
                    self._end = SessionClosed()
                    return None
        except VoiceClientError as failure:
            self._end = failure
            raise
        return self._told.popleft()

    async def _receive(self, link: "_Link") -> bool:
        """Take one message; False after the last."""
        try:
            response = await self._next(link)
        except VoiceClientError as failure:
            if not self._is_recoverable(failure):
                raise
            self._drop_link(failure)
            return True
        if response is not None:
            await self._take(response)
        return response is not None

    async def _take(self, response: pb.VoiceSessionResponse) -> None:
        if response.error.fatal:
            failure = error_from_proto(response.error)
            if self._is_recoverable(failure):
                return self._drop_link(failure)
        if self._state.is_after_gap(response) and self._recovery is not None:
            return self._drop_link(_unavailable("an event is missing"))
        if not self._state.receive(response):
            return None
        if response.sequence or response.HasField("pong"):
            self._outage.restores = 0
        if response.pong.ping_sent_at_ms != HEARTBEAT_AT_MS:
            self._told.append(response)
        if response.HasField("token_expiring") and self._next_token is not None:
            renewal = pb.TokenRenewal(token=self._next_token())
            return await self._send_best_effort(pb.VoiceSessionRequest(token_renewal=renewal))
        return await self._acknowledge_sometimes()

    async def _next(self, link: "_Link") -> pb.VoiceSessionResponse | None:
        """The next message of a stream; a silent one is probed, and given up."""
        while self._recovery is not None:
            is_probed = link.probed_at_s is not None
            since_s = link.heard_at_s if link.probed_at_s is None else link.probed_at_s
            wait_s = self._bounds.pong_within_s if is_probed else self._bounds.ping_after_s
            try:
                async with asyncio.timeout(max(0.0, since_s + wait_s - self._clock_s())):
                    response = await link.stream.receive()
            except TimeoutError:
                if is_probed:
                    raise _unavailable("the service is silent") from None
                link.probed_at_s = self._clock_s()
                ping = pb.Ping(sent_at_ms=HEARTBEAT_AT_MS)
                await self._send_best_effort(pb.VoiceSessionRequest(ping=ping))
                continue
            link.heard_at_s, link.probed_at_s = self._clock_s(), None
            return response
        return await link.stream.receive()

    async def _send_best_effort(self, request: pb.VoiceSessionRequest) -> None:
        """Say something of this stream alone, while receiving; if it is not taken, it is lost."""
        if self._link is None:
            return
        with suppress(VoiceClientError, TimeoutError):
            async with asyncio.timeout(self._bounds.pong_within_s):
                await self._put(self._link, request)

    async def _acknowledge_sometimes(self) -> None:
        """Let the server forget what was received, when nothing else has told it for a while."""
        link = self._link
        if link is None:
            return
        if self._state.done_with() - link.acknowledged < ACKNOWLEDGE_EVERY:
            return
        if not link.stream.is_sending:  # else the next message of the sender carries it
            await self._send_best_effort(pb.VoiceSessionRequest())

    # -- writing -------------------------------------------------------------------------------

    async def _flush(self) -> None:
        """Write every kept message that the present stream was not given yet."""
        async with self._may_write:
            link = self._link
            if link is None:
                return
            with self._errors_left_to_receive():
                await self._write_kept(link)

    async def _write_kept(self, link: "_Link") -> None:
        for request in self._state.send_buffer.after(link.written):
            link.written = request.sequence
            await self._put(link, request)

    async def _write(self, request: pb.VoiceSessionRequest) -> None:
        if (link := self._link) is not None:
            with self._errors_left_to_receive():
                await self._put(link, request)

    async def _put(self, link: "_Link", request: pb.VoiceSessionRequest) -> None:
        request.ack = link.acknowledged = self._state.done_with()
        await link.stream.send(request)

    def _errors_left_to_receive(self) -> suppress:
        """Whoever receives learns what became of a stream, and mends it."""
        return suppress() if self._recovery is None else suppress(VoiceClientError)  # noqa: B022

    # -- mending -------------------------------------------------------------------------------

    def _is_recoverable(self, failure: VoiceClientError) -> bool:
        return failure.retryable and self._recovery is not None

    def _drop_link(self, failure: VoiceClientError) -> None:
        """Leave the stream to be replaced, which goes on whoever stops waiting for it."""
        now_s, outage = self._clock_s(), self._outage
        link, self._link = self._link, None
        if link is not None and now_s - link.opened_at_s > STEADY_S:
            outage.began_at_s, outage.attempts = None, 0
        if outage.began_at_s is None:
            outage.began_at_s = now_s
        outage.mending = asyncio.create_task(self._replace(link, failure))

    async def _await_reconnect(self) -> None:
        """Wait for the stream to be whole again; cancelled, the work goes on."""
        if self._outage.mending is None:
            raise SessionClosed
        await asyncio.shield(self._outage.mending)
        self._outage.mending = None

    async def _replace(self, link: "_Link | None", failure: VoiceClientError) -> None:
        if link is not None:
            await link.close()
        outage = self._outage
        give_up_at_s = (outage.began_at_s or 0.0) + self._bounds.give_up_after_s
        while self._clock_s() < give_up_at_s:
            await asyncio.sleep(
                wait_s(
                    outage.attempts,
                    first_s=self._bounds.first_wait_s,
                    max_s=self._bounds.max_wait_s,
                    retry_after_ms=failure.retry_after_ms,
                    draw=self._draw,
                )
            )
            outage.attempts += 1
            try:
                return await self._reconnect()
            except VoiceClientError as again:
                if not self._is_recoverable(again):
                    raise
                failure = again
        raise failure

    async def _reconnect(self) -> None:
        """Open a stream and say again what the service does not have."""
        timeout_s = self._bounds.open_timeout_s
        try:
            link, opening = await self._connect(self._state.resume_config(), timeout_s)
        except SessionRefused as refusal:
            if refusal.code is not ErrorCode.SESSION_NOT_FOUND:
                raise
            if not self._bounds.restore or self._outage.restores >= MAX_RESTORES:
                raise SessionLost(
                    "the service has lost the session", code=ErrorCode.SESSION_NOT_FOUND
                ) from None
            link, opening = await self._restore()
            self._outage.restores += 1
        try:
            async with asyncio.timeout(timeout_s):
                await self._resync(link, opening)
        except TimeoutError:
            await link.close()
            raise _unavailable("the service takes no more") from None
        except BaseException:
            await link.close()
            raise

    async def _restore(self) -> tuple["_Link", pb.VoiceSessionResponse]:
        try:
            return await self._connect(self._state.restore_config(), self._bounds.open_timeout_s)
        except (InvalidRequest, SessionRefused) as refusal:
            if refusal.retryable:
                raise
            raise SessionLost(
                f"the session is lost and was not restored: {refusal.message}", code=refusal.code
            ) from None

    async def _resync(self, link: "_Link", opening: pb.VoiceSessionResponse) -> None:
        state = self._state
        if opening.ready.restored:
            self._told.extend(state.replace_session())
        state.record_ready(opening)
        state.send_buffer.acknowledge(opening.ack, 0)
        self.restored = Restored(
            len(state.log.items), state.send_buffer.pop_lost_bytes(), state.answers_again
        )
        self._told.append(opening)
        async with self._may_write:
            link.written = state.send_buffer.resend_after
            for request in state.replay_preamble():
                await self._put(link, request)
            await self._write_kept(link)
            for ping in state.pings:
                await self._put(link, ping)
            if self._state.has_done_sending:
                await link.stream.done_sending()
            self._link = link

    async def _connect(
        self, config: pb.SessionConfig, timeout_s: float
    ) -> tuple["_Link", pb.VoiceSessionResponse]:
        async with AsyncExitStack() as resources:
            stream = await resources.enter_async_context(self._open_stream())
            try:
                async with asyncio.timeout(timeout_s):
                    with suppress(SessionClosed):  # refused by now: receiving tells why
                        await stream.send(pb.VoiceSessionRequest(config=config))
                    opening = await stream.receive()
            except TimeoutError:
                raise _unavailable(
                    f"the server did not open the session within {timeout_s:g} s"
                ) from None
            if opening is None:
                raise _unavailable("the service ended the session")
            if opening.HasField("error"):
                raise error_from_proto(opening.error)
            if not opening.HasField("ready"):
                raise ServerFailed(
                    "the server's first message is not `ready`", code=ErrorCode.PROTOCOL_VIOLATION
                )
            return _Link(stream, resources.pop_all(), self._clock_s()), opening
        raise AssertionError  # the stack suppresses nothing


@dataclass(frozen=True, slots=True)
class Restored:
    """What a stream that was mended goes on with: items of the conversation that a session in place
    of a lost one was given; microphone audio that the service never got, because too much waited;
    whether the answer that was in progress is given again.
    """

    kept_items: int = 0
    lost_audio_bytes: int = 0
    answers_again: bool = False


@dataclass(slots=True)
class _Outage:
    """The service is away, or takes no stream that lasts; `mending` is what ends that."""

    began_at_s: float | None = None
    attempts: int = 0
    restores: int = 0
    mending: asyncio.Task[None] | None = None


class _Link:
    """The present stream, and how far it is used."""

    def __init__(self, stream: VoiceStream, resources: AsyncExitStack, now_s: float) -> None:
        self.stream = stream
        self.written = 0
        """Number of the newest kept message that it was given."""
        self.acknowledged = 0
        self.opened_at_s = self.heard_at_s = now_s
        self.probed_at_s: float | None = None
        self._resources = resources

    async def close(self) -> None:
        """Cancel what is left of the call."""
        await self._resources.aclose()


def _unavailable(message: str) -> Unavailable:
    return Unavailable(message, code=ErrorCode.UNAVAILABLE, retryable=True)
