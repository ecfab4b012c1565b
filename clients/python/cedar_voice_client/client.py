"""The client: one channel to a service, with its sessions, streams and single calls."""

from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

import grpc

import cedar_voice.v1 as pb
from cedar_voice.v1.voice_service_pb2_grpc import VoiceServiceStub
from cedar_voice_client.call import GrpcCall
from cedar_voice_client.errors import SessionClosed, error_from_rpc
from cedar_voice_client.options import Recovery, SessionOptions
from cedar_voice_client.recovery.resuming_stream import ResumingStream
from cedar_voice_client.service_info import ServiceInfo
from cedar_voice_client.session import VoiceSession
from cedar_voice_client.stream import MAX_RECEIVE_BYTES, MAX_SEND_BYTES, VoiceStream
from cedar_voice_shared.mirror import read

if TYPE_CHECKING:
    from cedar_voice.v1.voice_service_pb2_grpc import VoiceServiceAsyncStub

DEFAULT_ADDRESS = "127.0.0.1:50051"
DEFAULT_RECOVERY = Recovery()

Metadata = tuple[tuple[str, str], ...]

# A frozen server is detected within 15 s; `ping_timeout_ms` determines that, not the older name of
# the option. A server that returns is found within seconds, not within two minutes. Without the
# bandwidth probe a stalled stream holds 64 KiB instead of megabytes. A local subchannel pool gives
# every client a connection of its own.
_CHANNEL_OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.keepalive_time_ms", 8_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
    ("grpc.max_send_message_length", MAX_SEND_BYTES),
    ("grpc.use_local_subchannel_pool", 1),
)


class VoiceClient:
    """A client of one Cedar Voice service, connected while inside its context.

    Args:
        address: "host:port" of the service, or any gRPC target.
        token: bearer token sent with every call, or a function that returns a valid one. The
            function is called for each call, and again before the token of a session expires, so
            that the session continues with a fresh one.
        tls: True for the system's certificate authorities, or custom credentials.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        token: str | Callable[[], str] | None = None,
        tls: bool | grpc.ChannelCredentials = False,
    ) -> None:
        self._address = address
        self._token = token
        self._tls = tls
        self._channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> Self:
        if self._tls is False:
            self._channel = grpc.aio.insecure_channel(self._address, _CHANNEL_OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials() if self._tls is True else self._tls
            self._channel = grpc.aio.secure_channel(self._address, credentials, _CHANNEL_OPTIONS)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    async def service_info(self, timeout_s: float = 5.0) -> ServiceInfo:
        """Return the engines, encodings and limits of the service.

        Raises:
            VoiceClientError: the call fails; the class gives the reason.
        """
        try:
            answer = await self._stub().GetServiceInfo(
                pb.GetServiceInfoRequest(), timeout=timeout_s, metadata=self._metadata
            )
        except grpc.aio.AioRpcError as failure:
            raise error_from_rpc(failure) from None
        return read(ServiceInfo, answer)

    def session(
        self, options: SessionOptions | None = None, *, recovery: Recovery | None = DEFAULT_RECOVERY
    ) -> VoiceSession:
        """Return a conversation; use it as a context.

        Entering it raises a `VoiceClientError` when the server cannot be reached or refuses.

        Args:
            options: configuration of the session.
            recovery: how the session survives a broken connection; None ends it with the
                connection.
        """
        return VoiceSession(self.resuming_stream(recovery=recovery), options or SessionOptions())

    def resuming_stream(
        self, *, token: str | None = None, recovery: Recovery | None = DEFAULT_RECOVERY
    ) -> ResumingStream:
        """Return a session in the messages of the contract, over one call after the other; use it
        as a context, and open it.

        Args:
            token: bearer token of this session alone, in place of the client's.
            recovery: how the session survives a broken connection; None ends it with the
                connection.
        """
        next_token = None if token is not None or isinstance(self._token, str) else self._token
        return ResumingStream(lambda: self.stream(token=token), recovery, next_token=next_token)

    async def conversation(
        self,
        session_id: str,
        *,
        resume_token: str = "",
        token: str | None = None,
        timeout_s: float = 5.0,
    ) -> pb.GetSessionResponse:
        """Return the conversation of a live session of the caller, to rebuild a lost view of it.

        Args:
            session_id: `Ready.session_id`.
            resume_token: `Ready.resume_token`; needed where the server authenticates no callers.
            token: bearer token of this call alone, in place of the client's.
            timeout_s: longest wait.

        Raises:
            SessionRefused: there is no such session, or it belongs to another caller.
            VoiceClientError: the call fails; the class gives the reason.
        """
        request = pb.GetSessionRequest(session_id=session_id, resume_token=resume_token)
        try:
            return await self._stub().GetSession(
                request, timeout=timeout_s, metadata=self._metadata_of(token)
            )
        except grpc.aio.AioRpcError as failure:
            raise error_from_rpc(failure) from None

    async def delete_session(
        self, session_id: str, *, resume_token: str = "", timeout_s: float = 5.0
    ) -> None:
        """End a session of the caller and erase its data on the server.

        Args and errors as of `conversation`.
        """
        request = pb.DeleteSessionRequest(session_id=session_id, resume_token=resume_token)
        try:
            await self._stub().DeleteSession(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as failure:
            raise error_from_rpc(failure) from None

    def stream(self, *, token: str | None = None) -> VoiceStream:
        """Return one VoiceSession call in the messages of the contract; use it as a context.

        Args:
            token: bearer token of this call alone, in place of the client's.
        """
        return VoiceStream(partial(self._open_call, self._metadata_of(token)))

    def _metadata_of(self, token: str | None) -> Metadata:
        return self._metadata if token is None else _authorization(token)

    @property
    def _metadata(self) -> Metadata:
        if self._token is None:
            return ()
        return _authorization(self._token if isinstance(self._token, str) else self._token())

    def _open_call(self, metadata: Metadata) -> GrpcCall:
        # No deadline: a conversation may last for hours.
        return self._stub().VoiceSession(metadata=metadata)

    def _stub(self) -> "VoiceServiceAsyncStub":
        if self._channel is None:
            raise SessionClosed("the client is not open: use `async with VoiceClient(...)`")
        return VoiceServiceStub(self._channel)


def _authorization(token: str) -> Metadata:
    return (("authorization", f"Bearer {token}"),)
