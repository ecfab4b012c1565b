"""Reasons to close a socket: the close code, and the error that the browser receives before it."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import WSCloseCode

import cedar_voice.v1 as pb
from cedar_voice_client import ErrorCode, SessionRefused, Unavailable, VoiceClientError

TAKEN_OVER_CLOSE_CODE = 4409
"""Close code of a socket that another one replaces; its browser must not reconnect."""


@dataclass(frozen=True, slots=True)
class SocketClose:
    """Close code and reason of a socket. `reason` has at most 123 bytes: the protocol's bound."""

    close_code: int
    reason: str = ""
    error: pb.Error | None = None


GONE = SocketClose(WSCloseCode.OK)
"""The browser has closed the socket."""

UNAUTHORIZED = SocketClose(WSCloseCode.POLICY_VIOLATION, "Unauthorized")
"""The token is missing or invalid."""

EXPIRED = SocketClose(
    WSCloseCode.POLICY_VIOLATION,
    "the token has expired",
    pb.Error(
        code=pb.ERROR_CODE_UNAUTHENTICATED,
        message="the token has expired",
        retryable=True,
        fatal=True,
        stage=pb.PIPELINE_STAGE_TRANSPORT,
    ),
)
"""The token was valid for a while; the session waits for a socket with a fresh one."""

STOPPING = SocketClose(WSCloseCode.GOING_AWAY, "the bridge stops")
"""The bridge itself stops."""

_CLOSE_CODES: Mapping[ErrorCode, int] = {
    ErrorCode.UNAUTHENTICATED: WSCloseCode.POLICY_VIOLATION,
    ErrorCode.UNAVAILABLE: WSCloseCode.SERVICE_RESTART,
    ErrorCode.OVERLOADED: WSCloseCode.TRY_AGAIN_LATER,
    ErrorCode.RATE_LIMITED: WSCloseCode.TRY_AGAIN_LATER,
    ErrorCode.SLOW_CONSUMER: WSCloseCode.TRY_AGAIN_LATER,
    ErrorCode.SESSION_NOT_FOUND: WSCloseCode.SERVICE_RESTART,
    ErrorCode.SESSION_TAKEN_OVER: TAKEN_OVER_CLOSE_CODE,
}

# gRPC's own messages about a broken connection contain addresses.
_PUBLIC_MESSAGES: Mapping[ErrorCode, str] = {
    ErrorCode.UNAVAILABLE: "the voice service is not available",
    ErrorCode.INTERNAL: "the voice service failed",
}


def refused(failure: VoiceClientError) -> SocketClose:
    """Return how to close a socket whose session cannot be opened."""
    if isinstance(failure, Unavailable):
        return SocketClose(WSCloseCode.TRY_AGAIN_LATER, error=_error_of(failure))
    return broken(failure)


def broken(failure: VoiceClientError) -> SocketClose:
    """Return how to close a socket whose session has failed."""
    if failure.code is ErrorCode.UNAUTHENTICATED:
        return UNAUTHORIZED
    close_code = _CLOSE_CODES.get(failure.code, WSCloseCode.INTERNAL_ERROR)
    return SocketClose(close_code, error=_error_of(failure))


def taken_over() -> SocketClose:
    """Return how to close a socket that another one replaces."""
    message = "the session has moved to another socket"
    return broken(SessionRefused(message, code=ErrorCode.SESSION_TAKEN_OVER))


def lagging() -> SocketClose:
    """Return how to close the socket of a browser that does not read."""
    failure = SessionRefused("events are not read", code=ErrorCode.SLOW_CONSUMER, retryable=True)
    return broken(failure)


def unavailable(message: str) -> Unavailable:
    """Return the failure of a service that is reachable and yet does not serve."""
    return Unavailable(message, code=ErrorCode.UNAVAILABLE, retryable=True)


def public_message(failure: VoiceClientError) -> str:
    """Return the message of a failure without internals, for browsers."""
    return _PUBLIC_MESSAGES.get(failure.code, failure.message)


def _error_of(failure: VoiceClientError) -> pb.Error:
    return pb.Error(
        code=pb.ErrorCode.Value(f"ERROR_CODE_{failure.code.name}"),
        message=public_message(failure),
        retryable=failure.retryable,
        fatal=True,
        retry_after_ms=failure.retry_after_ms,
        stage=pb.PipelineStage.Value(f"PIPELINE_STAGE_{failure.stage.name}"),
        field=failure.field,
    )
