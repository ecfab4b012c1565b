"""The RPCs of the contract: sessions are found, opened, read and deleted, and streams joined."""

import asyncio

import grpc

import cedar_voice.v1 as pb
from cedar_voice.v1 import voice_service_pb2_grpc
from cedar_voice_service.errors import CallerError, CedarVoiceError, Code, Stage
from cedar_voice_service.incoming import Context, message_of
from cedar_voice_service.runtime.quotas import Quotas
from cedar_voice_service.runtime.registry import Registry
from cedar_voice_service.runtime.running_session import RunningSession
from cedar_voice_service.session.config import Limits
from cedar_voice_service.session.resume.position import Position
from cedar_voice_service.session_stream import SessionStream, StreamOptions, fatal
from cedar_voice_service.token_expiry import TokenExpiry, unauthenticated
from cedar_voice_service.wire.config import patch_of
from cedar_voice_service.wire.history import encode_item, past_of
from cedar_voice_service.wire.names import is_name
from cedar_voice_shared.credentials import CredentialRefused, Identity, Verifier

FIRST_MESSAGE_TIMEOUT_S = 10.0
"""Time that a stream may be open without its first message."""


class VoiceServicer(voice_service_pb2_grpc.VoiceServiceServicer):
    """The service of the contract.

    Args:
        registry: of the sessions in this process.
        limits: of every session.
        info: the answer of GetServiceInfo.
        verifier: identifies the user of a token.
        quotas: of all users.
        send_timeout_s: longest time that a client may take to read an event.
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
        self._stream_options = StreamOptions(limits, info.server_info, send_timeout_s)

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
        session = self._registry.find(request.session_id, principal, request.resume_token)
        return pb.GetSessionResponse(
            items=map(encode_item, session.history),
            last_sequence=session.delivery.last_sequence,
            last_turn_id=session.last_turn_id,
            term=session.past.term,
            expires_in_ms=self._registry.expires_in_ms(session),
        )

    async def DeleteSession(
        self,
        request: pb.DeleteSessionRequest,
        context: grpc.aio.ServicerContext[pb.DeleteSessionRequest, pb.DeleteSessionResponse],
    ) -> pb.DeleteSessionResponse:
        """End a session of the caller and forget it."""
        identity = await self._identify(context.invocation_metadata())
        principal = identity.principal
        session = self._registry.find(request.session_id, principal, request.resume_token)
        self._registry.delete(session)
        return pb.DeleteSessionResponse()

    async def VoiceSession(  # type: ignore[override] # the stub types know only generators
        self, request_iterator: object, context: Context
    ) -> None:
        """Run one stream; its session may exist before it and outlive it."""
        try:
            error = await self._run_stream(context)
        except CedarVoiceError as refusal:
            await context.write(fatal(refusal))
            raise
        if error is not None:
            raise error

    async def _run_stream(self, context: Context) -> CedarVoiceError | None:
        """Attach the call to a session until it ends; return the error of the stream, if any."""
        identity = await self._identify(context.invocation_metadata())
        quota = self._quotas.of(identity.principal)
        quota.charge_stream()
        config = await self._receive_config(context)
        session, position = self._open_or_resume(config, identity.principal)
        with (
            self._registry.attached(session, position) as attachment,
            TokenExpiry(self._verifier, identity, attachment) as expiry,
        ):
            return await SessionStream(
                context,
                session,
                attachment,
                quota=quota,
                expiry=expiry,
                options=self._stream_options,
            ).run()

    async def _identify(self, metadata: grpc.aio.Metadata | None) -> Identity:
        given = next((value for key, value in metadata or () if key == "authorization"), "")
        token = given.removeprefix("Bearer ") if isinstance(given, str) else ""
        try:
            return await self._verifier.identify(token or None)
        except CredentialRefused as refusal:
            raise unauthenticated(str(refusal)) from None

    async def _receive_config(self, context: Context) -> pb.SessionConfig:
        try:
            async with asyncio.timeout(FIRST_MESSAGE_TIMEOUT_S):
                first = message_of(await context.read())
        except TimeoutError:
            raise _violation("no first message") from None
        if first is None or not first.HasField("config"):
            raise _violation("the first message must be config")
        return first.config

    def _open_or_resume(
        self, config: pb.SessionConfig, principal: str
    ) -> tuple[RunningSession, Position | None]:
        """Return the session, and the client's position in it, None in a new one."""
        resume = config.resume
        if config.HasField("resume"):
            try:
                session = self._registry.resume(resume.resume_token, principal)
            except CallerError:
                if not resume.restore:
                    raise
            else:
                return session, Position(resume.last_received_sequence, resume.term)
        if config.session_id and not is_name(config.session_id):
            raise CallerError(
                "session_id must be 1 to 64 characters of [A-Za-z0-9_-]",
                code=Code.INVALID_CONFIG,
                field="session_id",
            )
        patch = patch_of(config, self._limits)
        past = past_of(config, self._limits)
        return self._registry.open(config.session_id, patch, principal, past), None


def _violation(message: str) -> CallerError:
    return CallerError(message, code=Code.PROTOCOL_VIOLATION, stage=Stage.TRANSPORT)
