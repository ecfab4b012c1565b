"""One stream of a session: a gRPC call whose messages go to the session, and events back."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

import grpc

import cedar_voice.v1 as pb
from cedar_voice_service.errors import CallerError, CedarVoiceError, RateLimited
from cedar_voice_service.incoming import Context, Incoming, Reading
from cedar_voice_service.runtime.delivery import (
    Attachment,
    GoAway,
    Notice,
    Pong,
    Ready,
    TokenExpiring,
)
from cedar_voice_service.runtime.quotas import Quota
from cedar_voice_service.runtime.running_session import RunningSession
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import Limits
from cedar_voice_service.session.events import ClientMessage
from cedar_voice_service.session.resume.outbox import Numbered
from cedar_voice_service.token_expiry import TokenExpiry
from cedar_voice_service.wire.requests import decode
from cedar_voice_service.wire.responses import encode, encode_error, encode_limits, encode_ready

LAST_WRITE_S = 1.0
"""Time that a client has to read the error with which its stream ends."""

HALF_CLOSE_GRACE_S = 0.05
"""Time after the end of a client's messages in which its cancellation may still arrive."""

HALF_CLOSE_LOOKS = 3
"""Most waits of that length, where the process did not run during the ones before."""


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Values of the process that every stream needs."""

    limits: Limits
    server_info: pb.ServerInfo
    """Sent with the first event."""
    send_timeout_s: float
    """Longest time that a client may take to read an event."""


class SessionStream:
    """Joins a call to a session: one task reads, one writes, until either ends.

    Args:
        context: the call.
        session: runs elsewhere, and outlives the stream.
        attachment: of the stream to the session.
        quota: of the user; charged for each message.
        expiry: of the user's token, which a message may renew.
        options: of the process.
    """

    def __init__(
        self,
        context: Context,
        session: RunningSession,
        attachment: Attachment,
        *,
        quota: Quota,
        expiry: TokenExpiry,
        options: StreamOptions,
    ) -> None:
        self._context = context
        self._session = session
        self._attachment = attachment
        self._quota = quota
        self._expiry = expiry
        self._options = options

    async def run(self) -> CedarVoiceError | None:
        """Copy in both directions until the stream ends; return its error, if any."""
        await self._session.receive(ClientMessage(on.StreamOpened()))
        incoming = Incoming(self._context)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(incoming, lambda: self._receive_all(incoming)))
            writing = group.create_task(self._write())
            failing = group.create_task(self._attachment.failure())
            await asyncio.wait((writing, failing), return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
            if not writing.done():  # possibly for ever, as the client does not read
                await asyncio.wait((writing,), timeout=LAST_WRITE_S)
            writing.cancel()
            failing.cancel()
        return self._attachment.error

    # -- from the client -----------------------------------------------------------------------

    async def _read(self, incoming: Incoming, read: Reading) -> None:
        await incoming.run_reader(read)
        # A client that is cancelled or killed looks, for a moment, like one that has half-closed;
        # its utterance is not over, it comes back with the rest. The cancellation ends this wait.
        for _ in range(HALF_CLOSE_LOOKS):
            if await _slept_well(HALF_CLOSE_GRACE_S):
                break
        if not self._attachment.has_failed:
            await self._session.receive(ClientMessage(on.InputEnded()))

    async def _receive_all(self, incoming: Incoming) -> None:
        while True:
            try:
                if (request := await incoming.next()) is None:
                    return
                self._quota.charge_message()
            except (CallerError, RateLimited) as refusal:
                self._attachment.fail(refusal)
                return  # the session waits for another stream
            event = await self._to_event(request)
            if self._attachment.has_failed:
                return  # another stream drives the session now
            await self._session.receive(ClientMessage(event, request.sequence, request.ack))

    async def _to_event(self, request: pb.VoiceSessionRequest) -> on.RequestEvent | None:
        """Convert a message to an event of the session: None for one that is not for the session,
        and a refusal for one that is not accepted.
        """
        try:
            if request.HasField("token_renewal"):
                await self._expiry.renew(request.token_renewal.token)
                return None
            event = decode(request, self._options.limits)
            if isinstance(event, on.SpeechRequested):
                self._quota.charge_answer()
        except (CallerError, RateLimited) as error:
            return on.InputRejected(error, request.sequence)
        return event

    # -- to the client -------------------------------------------------------------------------

    async def _write(self) -> None:
        with suppress(grpc.aio.InternalError):  # the client is gone
            try:
                while (item := await self._attachment.next()) is not None:
                    with self._attachment.written_within(self._options.send_timeout_s):
                        await self._context.write(self._encode(item))
            except CedarVoiceError as error:
                await self._context.write(fatal(error))

    def _encode(self, item: Notice | Numbered) -> pb.VoiceSessionResponse:
        response = self._payload_of(item)
        response.ack = self._session.accepted_sequence
        response.term = self._session.past.term
        return response

    def _payload_of(self, item: Notice | Numbered) -> pb.VoiceSessionResponse:
        match item:
            case Numbered():
                return encode(item)
            case GoAway(time_left_ms):
                return pb.VoiceSessionResponse(go_away=pb.GoAway(time_left_ms=time_left_ms))
            case TokenExpiring(time_left_ms):
                expiring = pb.TokenExpiring(time_left_ms=time_left_ms)
                return pb.VoiceSessionResponse(token_expiring=expiring)
            case Pong(ping_sent_at_ms):
                pong = pb.Pong(ping_sent_at_ms=ping_sent_at_ms, sent_at_ms=int(time.time() * 1000))
                return pb.VoiceSessionResponse(durable=self._session.durable, pong=pong)
            case Ready():
                return pb.VoiceSessionResponse(ready=self._ready(item))

    def _ready(self, notice: Ready) -> pb.SessionReady:
        ready = encode_ready(notice.config)
        ready.session_id = self._session.session_id
        ready.resume_token = self._session.resume_token
        ready.resumed = notice.is_resumed
        ready.replay_truncated = notice.is_truncated
        ready.restored = notice.is_restored
        ready.replayed = notice.replayed
        ready.limits.CopyFrom(encode_limits(self._options.limits))
        ready.server_info.CopyFrom(self._options.server_info)
        return ready


def fatal(error: CedarVoiceError) -> pb.VoiceSessionResponse:
    """Return the event that ends a stream with an error."""
    return pb.VoiceSessionResponse(error=encode_error(error, is_fatal=True))


async def _slept_well(duration_s: float) -> bool:
    """Wait; return whether the process ran meanwhile, and has seen everything that arrived."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await asyncio.sleep(duration_s)
    return loop.time() - began_s < 2 * duration_s
