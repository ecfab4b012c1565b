"""One stream of a session: opened, written, read, and probed when it is silent."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import (
    ServerFailed,
    SessionClosed,
    Unavailable,
    VoiceClientError,
    error_from_proto,
)
from cedar_voice_client.options import Recovery
from cedar_voice_client.recovery.recovery_state import HEARTBEAT_AT_MS, RecoveryState
from cedar_voice_client.stream import VoiceStream

ACKNOWLEDGE_EVERY = 32
"""Events received after which a message is sent only to acknowledge them."""


class Link:
    """An open stream of the session, and the positions up to which it has been used.

    Args:
        stream: the open call.
        resources: close the call.
        state: the buffered messages and the positions of the session.
        recovery: times after which a silent stream is probed, and given up.
        clock_s: a clock that never goes back.
    """

    def __init__(
        self,
        stream: VoiceStream,
        resources: AsyncExitStack,
        state: RecoveryState,
        recovery: Recovery,
        clock_s: Callable[[], float],
    ) -> None:
        self.opened_at_s = clock_s()
        self._stream = stream
        self._resources = resources
        self._state = state
        self._recovery = recovery
        self._clock_s = clock_s
        self._sent_sequence = 0
        """Sequence number of the newest buffered message sent on this stream."""
        self._acknowledged = 0
        """Sequence number of the newest event acknowledged on this stream."""
        self._received_at_s = self.opened_at_s
        self._probed_at_s: float | None = None

    async def close(self) -> None:
        """Cancel the rest of the call."""
        await self._resources.aclose()

    # -- sending -------------------------------------------------------------------------------

    async def send(self, request: pb.VoiceSessionRequest) -> None:
        """Send a message, with an acknowledgement of the events that are no longer needed."""
        request.ack = self._acknowledged = self._state.done_with()
        await self._stream.send(request)

    async def send_buffered(self) -> None:
        """Send every buffered message that this stream has not carried yet, in order."""
        for request in self._state.send_buffer.after(self._sent_sequence):
            self._sent_sequence = request.sequence
            await self.send(request)

    async def send_missing(self) -> None:
        """Send everything that the session on this new stream lacks.

        The order matters: first the preamble, without which a restored session does not understand
        the buffered audio, then the buffered messages, then the pings without an answer.
        """
        self._sent_sequence = self._state.send_buffer.resend_after
        for request in self._state.replay_preamble():
            await self.send(request)
        await self.send_buffered()
        for ping in self._state.pings:
            await self.send(ping)
        if self._state.has_done_sending:
            await self.done_sending()

    async def send_best_effort(self, request: pb.VoiceSessionRequest) -> None:
        """Send a message of this stream alone; drop it when the stream is broken or accepts nothing
        for `pong_within_s`, so that receiving continues.
        """
        with suppress(VoiceClientError, TimeoutError):
            async with asyncio.timeout(self._recovery.pong_within_s):
                await self.send(request)

    async def acknowledge_if_due(self) -> None:
        """Acknowledge the received events once `ACKNOWLEDGE_EVERY` of them are unacknowledged.

        The server keeps an event for a replay until it is acknowledged. While a send is in
        progress, the sender's next message carries the acknowledgement.
        """
        if self._state.done_with() - self._acknowledged < ACKNOWLEDGE_EVERY:
            return
        if not self._stream.is_sending:
            await self.send_best_effort(pb.VoiceSessionRequest())

    async def done_sending(self) -> None:
        """Half-close the stream."""
        await self._stream.done_sending()

    # -- receiving -----------------------------------------------------------------------------

    async def receive(self) -> pb.VoiceSessionResponse | None:
        """Return the next message; None when the server closed the stream with OK."""
        return await self._stream.receive()

    async def receive_or_probe(self) -> pb.VoiceSessionResponse | None:
        """Return the next message, as `receive` does, and ping a stream that is silent.

        Raises:
            Unavailable: the ping was not answered within `pong_within_s`.
            VoiceClientError: the stream is over.
        """
        while True:
            is_probed = self._probed_at_s is not None
            since_s = self._received_at_s if self._probed_at_s is None else self._probed_at_s
            wait_s = self._recovery.pong_within_s if is_probed else self._recovery.ping_after_s
            try:
                async with asyncio.timeout(max(0.0, since_s + wait_s - self._clock_s())):
                    response = await self._stream.receive()
            except TimeoutError:
                if is_probed:
                    raise connection_failure("the service is silent") from None
                self._probed_at_s = self._clock_s()
                ping = pb.Ping(sent_at_ms=HEARTBEAT_AT_MS)
                await self.send_best_effort(pb.VoiceSessionRequest(ping=ping))
                continue
            self._received_at_s, self._probed_at_s = self._clock_s(), None
            return response


async def open_link(
    open_stream: Callable[[], VoiceStream],
    state: RecoveryState,
    recovery: Recovery,
    clock_s: Callable[[], float],
    config: pb.SessionConfig,
    timeout_s: float,
) -> tuple[Link, pb.VoiceSessionResponse]:
    """Open a stream with a first message; return it with the server's `ready`.

    Raises:
        VoiceClientError: the server cannot be reached, or refuses the session.
    """
    async with AsyncExitStack() as resources:
        stream = await resources.enter_async_context(open_stream())
        opening = await _open_session(stream, config, timeout_s)
        return Link(stream, resources.pop_all(), state, recovery, clock_s), opening
    raise AssertionError  # the stack suppresses nothing


async def _open_session(
    stream: VoiceStream, config: pb.SessionConfig, timeout_s: float
) -> pb.VoiceSessionResponse:
    try:
        async with asyncio.timeout(timeout_s):
            with suppress(SessionClosed):  # a refusal is in progress: receiving raises its reason
                await stream.send(pb.VoiceSessionRequest(config=config))
            opening = await stream.receive()
    except TimeoutError:
        raise connection_failure(
            f"the server did not open the session within {timeout_s:g} s"
        ) from None
    if opening is None:
        raise connection_failure("the service ended the session")
    if opening.HasField("error"):
        raise error_from_proto(opening.error)
    if not opening.HasField("ready"):
        raise ServerFailed(
            "the server's first message is not `ready`", code=ErrorCode.PROTOCOL_VIOLATION
        )
    return opening


def connection_failure(message: str) -> Unavailable:
    """Return the error of a stream that is to be replaced."""
    return Unavailable(message, code=ErrorCode.UNAVAILABLE, retryable=True)
