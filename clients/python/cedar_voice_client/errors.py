"""The errors of the SDK.

VoiceClientError
├── Unavailable        the server cannot be reached, went away or is shutting down
├── Unauthenticated    the token is missing or wrong
├── InvalidRequest     a message breaks a rule of the contract or a limit
├── SessionRefused     overload, name in use, unknown, taken over, or events not read in time
│   └── SessionLost    the server has lost the session, and it is not restored
├── SessionClosed      the session is used after its end
└── ServerFailed       the server, or one of its engines, failed
"""

from collections.abc import Mapping

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode, PipelineStage


class VoiceClientError(Exception):
    """Base class of the errors of the SDK.

    Args:
        message: description for people, in English.
        code: kind of the error, for programs.
        retryable: whether the same operation may succeed later.
        retry_after_ms: shortest wait before a retry; 0 leaves it to the caller.
        stage: stage of the pipeline that failed.
        field: path of the offending field, such as "settings.rate"; empty when none.
    """

    def __init__(
        self,
        message: str,
        *,
        code: ErrorCode,
        retryable: bool = False,
        retry_after_ms: int = 0,
        stage: PipelineStage = PipelineStage.UNSPECIFIED,
        field: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.retryable = retryable
        self.retry_after_ms = retry_after_ms
        self.stage = stage
        self.field = field


class Unavailable(VoiceClientError):
    """The server cannot be reached, went away or is shutting down."""


class Unauthenticated(VoiceClientError):
    """The token is missing or wrong."""


class InvalidRequest(VoiceClientError):
    """A message breaks a rule of the contract or a limit."""


class SessionRefused(VoiceClientError):
    """The server does not open this session, or does not continue it."""


class SessionLost(SessionRefused):
    """The server has lost the session; restoring it is impossible or switched off."""


class SessionClosed(VoiceClientError):
    """The session or stream is used after its end."""

    def __init__(self, message: str = "the session is over") -> None:
        super().__init__(message, code=ErrorCode.PROTOCOL_VIOLATION)


class ServerFailed(VoiceClientError):
    """The server, or one of its engines, failed."""


def error_from_proto(error: pb.Error) -> VoiceClientError:
    """Return the exception of an error of the contract."""
    code = ErrorCode(error.code)
    return _CLASS_OF_CODE.get(code, ServerFailed)(
        error.message,
        code=code,
        retryable=error.retryable,
        retry_after_ms=error.retry_after_ms,
        stage=PipelineStage(error.stage),
        field=error.field,
    )


def error_from_rpc(failure: grpc.aio.AioRpcError) -> VoiceClientError:
    """Return the exception of a failed call, from its rich details or else its status code."""
    rich = _rich_error(failure.trailing_metadata())
    if rich is not None:
        return error_from_proto(rich)
    code = _CODE_OF_STATUS.get(failure.code(), ErrorCode.INTERNAL)
    return _CLASS_OF_CODE.get(code, ServerFailed)(
        failure.details() or failure.code().name,
        code=code,
        retryable=code in (ErrorCode.UNAVAILABLE, ErrorCode.OVERLOADED),
        stage=PipelineStage.TRANSPORT,
    )


def _rich_error(metadata: grpc.aio.Metadata | None) -> pb.Error | None:
    """Return the contract's Error from the details of a google.rpc.Status; None without one.

    google.rpc.Status belongs to another distribution. Parsed as an empty message, it has only
    unknown fields, and number 3 is its repeated `Any details`.
    """
    raw = metadata.get("grpc-status-details-bin") if metadata else None
    if not isinstance(raw, bytes):
        return None
    error = pb.Error()
    try:
        fields = UnknownFieldSet(Empty.FromString(raw))
        for field in (fields[index] for index in range(len(fields))):
            if field.field_number == 3 and Any.FromString(field.data).Unpack(error):
                return error
    except (DecodeError, TypeError):
        return None
    return None


_CLASS_OF_CODE: Mapping[ErrorCode, type[VoiceClientError]] = {
    ErrorCode.INVALID_MESSAGE: InvalidRequest,
    ErrorCode.INVALID_CONFIG: InvalidRequest,
    ErrorCode.PROTOCOL_VIOLATION: InvalidRequest,
    ErrorCode.UNSUPPORTED_AUDIO_FORMAT: InvalidRequest,
    ErrorCode.AUDIO_DECODE_FAILED: InvalidRequest,
    ErrorCode.MESSAGE_TOO_LARGE: InvalidRequest,
    ErrorCode.UNAUTHENTICATED: Unauthenticated,
    ErrorCode.SESSION_NOT_FOUND: SessionRefused,
    ErrorCode.SESSION_TAKEN_OVER: SessionRefused,
    ErrorCode.SESSION_ID_IN_USE: SessionRefused,
    ErrorCode.OVERLOADED: SessionRefused,
    ErrorCode.SLOW_CONSUMER: SessionRefused,
    ErrorCode.RATE_LIMITED: SessionRefused,
    ErrorCode.UNAVAILABLE: Unavailable,
}

_CODE_OF_STATUS: Mapping[grpc.StatusCode, ErrorCode] = {
    grpc.StatusCode.INVALID_ARGUMENT: ErrorCode.INVALID_MESSAGE,
    grpc.StatusCode.OUT_OF_RANGE: ErrorCode.INVALID_MESSAGE,
    grpc.StatusCode.FAILED_PRECONDITION: ErrorCode.PROTOCOL_VIOLATION,
    grpc.StatusCode.UNIMPLEMENTED: ErrorCode.PROTOCOL_VIOLATION,
    grpc.StatusCode.UNAUTHENTICATED: ErrorCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED: ErrorCode.UNAUTHENTICATED,
    grpc.StatusCode.NOT_FOUND: ErrorCode.SESSION_NOT_FOUND,
    grpc.StatusCode.ABORTED: ErrorCode.SESSION_TAKEN_OVER,
    grpc.StatusCode.ALREADY_EXISTS: ErrorCode.SESSION_ID_IN_USE,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ErrorCode.OVERLOADED,
    grpc.StatusCode.UNAVAILABLE: ErrorCode.UNAVAILABLE,
    grpc.StatusCode.CANCELLED: ErrorCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: ErrorCode.UNAVAILABLE,
}
