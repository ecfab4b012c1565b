"""Errors as gRPC statuses: the table from error to status, and the interceptor that applies it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from cedar_voice_service.errors import CallerError, CedarVoiceError, Code, EngineError, Stage
from cedar_voice_service.wire.responses import encode_error

log = structlog.get_logger("cedar_voice.grpc_status")

# As the contract states beside each ErrorCode. The other codes never end a stream; they would be
# INTERNAL.
_STATUS_OF = {
    Code.INVALID_MESSAGE: grpc.StatusCode.INVALID_ARGUMENT,
    Code.INVALID_CONFIG: grpc.StatusCode.INVALID_ARGUMENT,
    Code.PROTOCOL_VIOLATION: grpc.StatusCode.FAILED_PRECONDITION,
    Code.UNSUPPORTED_AUDIO_FORMAT: grpc.StatusCode.INVALID_ARGUMENT,
    Code.AUDIO_DECODE_FAILED: grpc.StatusCode.INVALID_ARGUMENT,
    Code.MESSAGE_TOO_LARGE: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Code.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Code.SESSION_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Code.SESSION_TAKEN_OVER: grpc.StatusCode.ABORTED,
    Code.SESSION_ID_IN_USE: grpc.StatusCode.ALREADY_EXISTS,
    Code.OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Code.RATE_LIMITED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Code.SLOW_CONSUMER: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Code.STAGE_TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
    Code.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}

Behaviour = Callable[[Any, Any], Awaitable[Any]]


class StatusInterceptor(grpc.aio.ServerInterceptor):
    """Ends every failed RPC of the contract with its status, and hides internal errors."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handlers of the contract's services; health and reflection stay as they are."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith("/cedar_voice."):
            return handler
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                _mapped(handler.stream_stream),
                _reading(handler.request_deserializer),
                handler.response_serializer,
            )
        return grpc.unary_unary_rpc_method_handler(
            _mapped(handler.unary_unary),
            _reading(handler.request_deserializer),
            handler.response_serializer,
        )


def _reading(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return a reader of requests that turns unreadable bytes into an error.

    An exception of a reader would end the call with the status UNKNOWN.
    """

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return CallerError("the message cannot be read", code=Code.INVALID_MESSAGE)

    return read


def _mapped(behaviour: Behaviour) -> Behaviour:
    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            if isinstance(request, CallerError):
                raise request
            return await behaviour(request, context)
        except CedarVoiceError as error:
            return await _abort(context, error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling() > 0:
                raise
            # A cancellation from inside would leave the client waiting for ever.
            return await _abort(context, _INTERNAL)
        except Exception:
            log.exception("call failed")
            return await _abort(context, _INTERNAL)

    return call


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: CedarVoiceError) -> Any:
    details = [AnyMessage()]
    details[0].Pack(encode_error(error, is_fatal=True))
    if error.retry_after_ms:
        details.append(AnyMessage())
        details[1].Pack(RetryInfo(retry_delay=_duration(error.retry_after_ms)))
    code = _STATUS_OF.get(error.code, grpc.StatusCode.INTERNAL)
    status = rpc_status.to_status(
        Status(code=code.value[0], message=error.message, details=details)
    )
    await context.abort(status.code, status.details, status.trailing_metadata)


def _duration(ms: int) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(ms)
    return duration


_INTERNAL = EngineError(Stage.TRANSPORT, "internal error", code=Code.INTERNAL)
