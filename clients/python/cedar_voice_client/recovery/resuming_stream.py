"""One session over a sequence of streams, in the messages of the contract.

A stream that breaks, or is silent, is replaced and the session is resumed: messages that the
service has not received are sent again, and each side ignores those that it has received before. A
session that the service has lost is opened again from the client's copy of its state, and the
application is notified.
"""

import random
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import (
    InvalidRequest,
    SessionClosed,
    VoiceClientError,
    error_from_proto,
)
from cedar_voice_client.options import Recovery
from cedar_voice_client.recovery.link import Link, connection_failure, open_link
from cedar_voice_client.recovery.reconnector import Reconnector, Restored
from cedar_voice_client.recovery.recovery_state import HEARTBEAT_AT_MS, RecoveryState
from cedar_voice_client.recovery.send_buffer import NUMBERED
from cedar_voice_client.recovery.sender import Sender
from cedar_voice_client.stream import MAX_SEND_BYTES, VoiceStream

RESERVED_SEQUENCES = 1_000
"""Sequence numbers that a resumed session leaves to its previous client, whose last messages the
service may not have received yet."""


class ResumingStream:
    """A session of the service, open while inside the context.

    One task receives, any task may send. Messages sent while the stream is broken wait; receiving
    replaces the stream.

    Args:
        open_stream: opens a call.
        recovery: times and bounds; None ends the session with its first stream.
        next_token: returns a fresh token before the present one expires.
        done_with: returns the sequence number up to which events may be acknowledged; by default
            that of the newest event received. A client that receives on behalf of others gives the
            number up to which all of them have received.
        clock_s: a clock that never goes back.
        draw: returns a random number of 0.0 to 1.0.
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
        bounds = recovery or Recovery()
        self._can_recover = recovery is not None
        self._open_timeout_s = bounds.open_timeout_s
        self._next_token = next_token
        self._clock_s = clock_s
        self._state = RecoveryState(bounds.max_audio_bytes, bounds.max_audio_s, done_with)
        self._open_link = partial(open_link, open_stream, self._state, bounds, clock_s)
        self._received: deque[pb.VoiceSessionResponse] = deque()
        self._sender = Sender(can_recover=self._can_recover)
        self._reconnector = Reconnector(
            self._open_link,
            self._state,
            self._sender,
            bounds,
            self._received.append,
            clock_s=clock_s,
            draw=draw,
        )
        self._end: VoiceClientError | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._reconnector.close()
        if self._sender.link is not None:
            await self._sender.link.close()

    async def open(
        self, config: pb.SessionConfig, *, timeout_s: float | None = None
    ) -> pb.VoiceSessionResponse:
        """Open the session, or resume one; return the server's `ready`.

        Raises:
            VoiceClientError: the server cannot be reached or refuses; there is no second attempt.
        """
        self._state.begin(config)
        link, opening = await self._open_link(config, timeout_s or self._open_timeout_s)
        self._state.record_ready(opening)
        if opening.ready.resumed:
            self._state.send_buffer.skip_to(opening.ack + RESERVED_SEQUENCES)
        self._state.send_buffer.acknowledge(opening.ack, opening.ack)
        self._sender.attach(link)
        return opening

    def recall(self, known: pb.GetSessionResponse, ready: pb.SessionReady) -> None:
        """Learn the conversation before this client joined, so that the session can be restored.

        Args:
            known: the conversation, as `VoiceClient.conversation` returns it.
            ready: the `ready` that resumed the session; replayed events have been received.
        """
        self._state.recall(known, ready)

    @property
    def restored(self) -> Restored:
        """Outcome of the newest reconnect."""
        return self._reconnector.restored

    @property
    def sent_sequence(self) -> int:
        """Sequence number of the newest message sent."""
        return self._state.send_buffer.sent_sequence

    # -- sending -------------------------------------------------------------------------------

    async def send(self, request: pb.VoiceSessionRequest) -> None:
        """Send a message.

        Messages that must arrive exactly once get a sequence number, and are sent again where
        needed. A `sequence` that the message has already is kept if it is above all before it.

        Raises:
            InvalidRequest: it is larger than `MAX_SEND_BYTES`; the session continues.
            Unavailable: too many messages wait for the server to return.
            VoiceClientError: the session is over; the class gives the reason.
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
            await self._sender.send_buffered()
            return
        if request.HasField("ping"):
            self._state.pings.append(request)
        await self._sender.send(request)

    async def done_sending(self) -> None:
        """Announce the end of the input; receiving continues."""
        self._state.has_done_sending = True
        await self._sender.done_sending()

    # -- receiving -----------------------------------------------------------------------------

    async def receive(self) -> pb.VoiceSessionResponse | None:
        """Return the next message, each once and in order; None when the server closed with OK.

        After a reconnect there is a `ready`, with `resumed` or `restored` set. Before one with
        `restored`, there are the messages that end the response in progress. A cancelled receive
        loses nothing.

        Raises:
            SessionLost: the server has lost the session, and it is not restored.
            VoiceClientError: the session is over; the class gives the reason.
        """
        try:
            while not self._received:
                if (link := self._sender.link) is None:
                    await self._reconnector.wait()
                elif not await self._receive_from(link):
                    self._end = SessionClosed()
                    return None
        except VoiceClientError as failure:
            self._end = failure
            raise
        return self._received.popleft()

    async def _receive_from(self, link: Link) -> bool:
        """Process the next message of a stream, or begin to replace it; return False at its end."""
        try:
            response = await (link.receive_or_probe() if self._can_recover else link.receive())
        except VoiceClientError as failure:
            if not self._is_recoverable(failure):
                raise
            self._reconnector.replace(link, failure)
            return True
        if response is not None:
            await self._process(link, response)
        return response is not None

    async def _process(self, link: Link, response: pb.VoiceSessionResponse) -> None:
        if response.error.fatal:
            failure = error_from_proto(response.error)
            if self._is_recoverable(failure):
                return self._reconnector.replace(link, failure)
        if self._can_recover and self._state.is_after_gap(response):
            return self._reconnector.replace(link, connection_failure("an event is missing"))
        if not self._state.receive(response):
            return None
        if response.sequence or response.HasField("pong"):
            self._reconnector.confirm_session()
        if response.pong.ping_sent_at_ms != HEARTBEAT_AT_MS:
            self._received.append(response)
        if response.HasField("token_expiring") and self._next_token is not None:
            renewal = pb.TokenRenewal(token=self._next_token())
            return await link.send_best_effort(pb.VoiceSessionRequest(token_renewal=renewal))
        return await link.acknowledge_if_due()

    def _is_recoverable(self, failure: VoiceClientError) -> bool:
        return failure.retryable and self._can_recover
