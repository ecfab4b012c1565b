"""The RPCs: a gRPC stream joined to a session, and the one table from error to status."""

import asyncio
import time
from contextlib import suppress
from functools import partial

import grpc
import structlog

import cedar_voice.v1 as pb
from cedar_voice.v1 import voice_service_pb2_grpc
from cedar_voice_service.errors import CallerError, CedarVoiceError, Code, RateLimited, Stage
from cedar_voice_service.incoming import Context, Incoming, Taking, message_of
from cedar_voice_service.runtime.delivery import (
    Attachment,
    GoAway,
    Notice,
    Pong,
    Ready,
    TokenExpiring,
)
from cedar_voice_service.runtime.quotas import Quota, Quotas
from cedar_voice_service.runtime.registry import Registry
from cedar_voice_service.runtime.runner import Received, SessionRunner
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import Limits
from cedar_voice_service.session.resume.outbox import Numbered
from cedar_voice_service.session.resume.position import Position
from cedar_voice_service.token_expiry import Expiry, unauthenticated
from cedar_voice_service.wire.config import patch_of
from cedar_voice_service.wire.history import encode_item, past_of
from cedar_voice_service.wire.names import is_name
from cedar_voice_service.wire.requests import decode
from cedar_voice_service.wire.responses import (
    encode,
    encode_error,
    encode_limits,
    encode_ready,
)
from cedar_voice_shared.credentials import CredentialRefused, Identity, Verifier

log = structlog.get_logger("cedar_voice.converse")

FIRST_MESSAGE_TIMEOUT_S = 10.0
"""How long a stream may be open without saying what it wants."""

LAST_WORDS_S = 1.0
"""How long a stream that ends with an error may take to read it."""

HALF_CLOSE_GRACE_S = 0.05
"""How long after the end of a client's messages its cancellation may still show up."""

HALF_CLOSE_LOOKS = 3
"""How often that is waited for by a process that stood still meanwhile."""


class VoiceServicer(voice_service_pb2_grpc.VoiceServiceServicer):
    """The service of the contract.

    Args:
        info: the answer of GetServiceInfo.
        verifier: tells whom the caller's token speaks for.
        quotas: what each user has left.
        send_timeout_s: longest wait for a client to take an event.
    """

    def __init__(
        self,
        registry: Registry,
        limits: Limits,
        info: pb.GetServiceInfoResponse,
        *,
        verifier: Verifier,
        quotas: Quotas,
        send_timeout_s: float,
    ) -> None:
        self._registry = registry
        self._limits = limits
        self._info = info
        self._verifier = verifier
        self._quotas = quotas
        self._send_timeout_s = send_timeout_s

    async def GetServiceInfo(
        self,
        request: pb.GetServiceInfoRequest,
        context: grpc.aio.ServicerContext[pb.GetServiceInfoRequest, pb.GetServiceInfoResponse],
    ) -> pb.GetServiceInfoResponse:
        """Describe the server; fails while it stops."""
        self._registry.check_open()
        await self._identify(context.invocation_metadata())
        return self._info

    async def GetSession(
        self,
        request: pb.GetSessionRequest,
        context: grpc.aio.ServicerContext[pb.GetSessionRequest, pb.GetSessionResponse],
    ) -> pb.GetSessionResponse:
        """Read the conversation of a session of the caller."""
        identity = await self._identify(context.invocation_metadata())
        principal = identity.principal
        runner = self._registry.find(request.session_id, principal, request.resume_token)
        return pb.GetSessionResponse(
            items=map(encode_item, runner.history),
            last_sequence=runner.delivery.last_sequence,
            last_turn_id=runner.last_turn_id,
            term=runner.past.term,
            expires_in_ms=self._registry.expires_in_ms(runner),
        )

    async def DeleteSession(
        self,
        request: pb.DeleteSessionRequest,
        context: grpc.aio.ServicerContext[pb.DeleteSessionRequest, pb.DeleteSessionResponse],
    ) -> pb.DeleteSessionResponse:
        """End a session of the caller and forget it."""
        identity = await self._identify(context.invocation_metadata())
        principal = identity.principal
        runner = self._registry.find(request.session_id, principal, request.resume_token)
        self._registry.delete(runner)
        return pb.DeleteSessionResponse()

    async def VoiceSession(  # type: ignore[override] # the stub types know only generators
        self, request_iterator: object, context: Context
    ) -> None:
        """Run one stream: one task reads, one writes, the session lives elsewhere."""
        try:
            identity = await self._identify(context.invocation_metadata())
            quota = self._quotas.of(identity.principal)
            quota.open_stream()
            config = await self._first_config(context)
            runner, position = self._find(config, identity.principal)
            with (
                self._registry.attached(runner, position) as attachment,
                Expiry(self._verifier, identity, attachment) as expiry,
            ):
                error = await self._join(context, runner, attachment, quota, expiry)
        except CedarVoiceError as refusal:
            await context.write(_fatal(refusal))
            raise
        if error is not None:
            raise error

    async def _join(
        self,
        context: Context,
        runner: SessionRunner,
        attachment: Attachment,
        quota: Quota,
        expiry: Expiry,
    ) -> CedarVoiceError | None:
        """Copy both ways until the stream ends; the error it has to end with, if any."""
        await runner.receive(Received(on.StreamOpened()))
        incoming = Incoming(context)
        take = partial(self._take, incoming, runner, attachment, quota, expiry)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(incoming, take, runner, attachment))
            writing = group.create_task(self._write(context, runner, attachment))
            failing = group.create_task(attachment.failure())
            await asyncio.wait((writing, failing), return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
            if not writing.done():  # perhaps for ever: the client does not read
                await asyncio.wait((writing,), timeout=LAST_WORDS_S)
            writing.cancel()
            failing.cancel()
        return attachment.error

    async def _identify(self, metadata: grpc.aio.Metadata | None) -> Identity:
        given = next((value for key, value in metadata or () if key == "authorization"), "")
        token = given.removeprefix("Bearer ") if isinstance(given, str) else ""
        try:
            return await self._verifier.identify(token or None)
        except CredentialRefused as refusal:
            raise unauthenticated(str(refusal)) from None

    async def _first_config(self, context: Context) -> pb.SessionConfig:
        try:
            async with asyncio.timeout(FIRST_MESSAGE_TIMEOUT_S):
                first = message_of(await context.read())
        except TimeoutError:
            raise _violation("no first message") from None
        if first is None or not first.HasField("config"):
            raise _violation("the first message must be config")
        return first.config

    def _find(
        self, config: pb.SessionConfig, principal: str
    ) -> tuple[SessionRunner, Position | None]:
        resume = config.resume
        if config.HasField("resume"):
            try:
                runner = self._registry.resume(resume.resume_token, principal)
            except CallerError:
                if not resume.restore:
                    raise
            else:
                return runner, Position(resume.last_received_sequence, resume.term)
        if config.session_id and not is_name(config.session_id):
            raise CallerError(
                "session_id must be 1 to 64 characters of [A-Za-z0-9_-]",
                code=Code.INVALID_CONFIG,
                field="session_id",
            )
        patch = patch_of(config, self._limits)
        past = past_of(config, self._limits)
        return self._registry.open(config.session_id, patch, principal, past), None

    async def _read(
        self, incoming: Incoming, take: Taking, runner: SessionRunner, attachment: Attachment
    ) -> None:
        await incoming.taken_by(take)
        # A client that is cancelled or killed looks, for a moment, like one that has half-closed;
        # its utterance is not over, it comes back with the rest. The cancellation ends this wait.
        for _ in range(HALF_CLOSE_LOOKS):
            if await _slept_well(HALF_CLOSE_GRACE_S):
                break
        if not attachment.has_failed:
            await runner.receive(Received(on.InputEnded()))

    async def _take(
        self,
        incoming: Incoming,
        runner: SessionRunner,
        attachment: Attachment,
        quota: Quota,
        expiry: Expiry,
    ) -> None:
        while True:
            try:
                if (request := await incoming.next()) is None:
                    return
                quota.receive()
            except (CallerError, RateLimited) as refusal:
                attachment.fail(refusal)
                return  # the session waits for another stream
            event = await self._understood(request, quota, expiry)
            if attachment.has_failed:
                return  # another stream drives the session now
            await runner.receive(Received(event, request.sequence, request.ack))

    async def _understood(
        self, request: pb.VoiceSessionRequest, quota: Quota, expiry: Expiry
    ) -> on.RequestEvent | None:
        """What a message asks of the session: nothing, or a refusal where it cannot be."""
        try:
            if request.HasField("token_renewal"):
                await expiry.renew(request.token_renewal.token)
                return None
            event = decode(request, self._limits)
            if isinstance(event, on.SpeechRequested):
                quota.begin_answer()
        except (CallerError, RateLimited) as error:
            return on.InputRefused(error, request.sequence)
        return event

    async def _write(self, context: Context, runner: SessionRunner, attachment: Attachment) -> None:
        with suppress(grpc.aio.InternalError):  # the client is gone
            try:
                while (item := await attachment.next()) is not None:
                    with attachment.taken_within(self._send_timeout_s):
                        await context.write(self._encode(item, runner))
            except CedarVoiceError as error:
                await context.write(_fatal(error))

    def _encode(self, item: Notice | Numbered, runner: SessionRunner) -> pb.VoiceSessionResponse:
        response = self._payload_of(item, runner)
        response.ack = runner.accepted_sequence
        response.term = runner.past.term
        return response

    def _payload_of(
        self, item: Notice | Numbered, runner: SessionRunner
    ) -> pb.VoiceSessionResponse:
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
                return pb.VoiceSessionResponse(durable=runner.told_durable, pong=pong)
            case Ready(config, is_resumed, is_truncated, is_restored, replayed):
                ready = encode_ready(config)
                ready.session_id = runner.session_id
                ready.resume_token = runner.resume_token
                ready.resumed = is_resumed
                ready.replay_truncated = is_truncated
                ready.restored = is_restored
                ready.replayed = replayed
                ready.limits.CopyFrom(encode_limits(self._limits))
                ready.server_info.CopyFrom(self._info.server_info)
                return pb.VoiceSessionResponse(ready=ready)


async def _slept_well(duration_s: float) -> bool:
    """Wait; whether the process ran meanwhile, and has seen what came."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await asyncio.sleep(duration_s)
    return loop.time() - began_s < 2 * duration_s


def _fatal(error: CedarVoiceError) -> pb.VoiceSessionResponse:
    return pb.VoiceSessionResponse(error=encode_error(error, is_fatal=True))


def _violation(message: str) -> CallerError:
    return CallerError(message, code=Code.PROTOCOL_VIOLATION, stage=Stage.TRANSPORT)
