"""Contract errors and call statuses as exceptions."""

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

import cedar_voice.v1 as pb
from cedar_voice_client import (
    ErrorCode,
    InvalidRequest,
    ServerFailed,
    SessionRefused,
    Unauthenticated,
    Unavailable,
    VoiceClientError,
)
from cedar_voice_client.enums import PipelineStage
from cedar_voice_client.errors import error_from_proto, error_from_rpc

ERROR = pb.Error(
    code=pb.ERROR_CODE_OVERLOADED,
    message="full",
    retryable=True,
    retry_after_ms=1_500,
    stage=pb.PIPELINE_STAGE_TRANSPORT,
    field="session",
)


def rpc_error(
    code: grpc.StatusCode, details: str = "", rich: object = None
) -> grpc.aio.AioRpcError:
    metadata = grpc.aio.Metadata()
    if rich is not None:
        metadata.add("grpc-status-details-bin", rich)  # type: ignore[arg-type]
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details)


def status_with(*details: Message) -> bytes:
    packed = []
    for detail in details:
        packed.append(Any())
        packed[-1].Pack(detail)
    raw: bytes = Status(code=8, message="full", details=packed).SerializeToString()
    return raw


@pytest.mark.parametrize(
    "details", [(ERROR,), (pb.Ping(sent_at_ms=1), ERROR), (ERROR, pb.Ping())], ids=str
)
def test_the_error_among_the_rich_details_wins(details: tuple[Message, ...]) -> None:
    error = error_from_rpc(
        rpc_error(grpc.StatusCode.RESOURCE_EXHAUSTED, "plain", status_with(*details))
    )
    assert type(error) is SessionRefused
    assert str(error) == error.message == "full"
    assert (error.code, error.retryable, error.retry_after_ms, error.stage, error.field) == (
        ErrorCode.OVERLOADED,
        True,
        1_500,
        PipelineStage.TRANSPORT,
        "session",
    )


@pytest.mark.parametrize(
    "rich",
    [b"", b"\xff\xff\xff", b"\x18\x01", b"\x1a\x02\xff\xff", status_with(pb.Ping()), "text"],
    ids=["empty", "garbage", "number", "no any", "stranger", "not bytes"],
)
def test_details_without_an_error_leave_the_status(rich: object) -> None:
    error = error_from_rpc(rpc_error(grpc.StatusCode.UNAVAILABLE, "gone", rich))
    assert type(error) is Unavailable
    assert (str(error), error.code, error.retryable) == ("gone", ErrorCode.UNAVAILABLE, True)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, Unauthenticated),
        (grpc.StatusCode.PERMISSION_DENIED, Unauthenticated),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
        (grpc.StatusCode.UNIMPLEMENTED, InvalidRequest),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, SessionRefused),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Unavailable),
        (grpc.StatusCode.INTERNAL, ServerFailed),
        (grpc.StatusCode.UNKNOWN, ServerFailed),
    ],
)
def test_a_bare_status_has_a_class(status: grpc.StatusCode, kind: type[VoiceClientError]) -> None:
    error = error_from_rpc(rpc_error(status))
    assert type(error) is kind
    assert str(error) == status.name


@pytest.mark.parametrize("code", ErrorCode, ids=lambda code: code.name)
def test_the_classes_follow_the_statuses_of_the_contract(code: ErrorCode) -> None:
    number = code.value
    expected: type[VoiceClientError] = ServerFailed
    if 0 < number < 20:
        expected = InvalidRequest
    elif number < 30 and number:
        expected = Unauthenticated
    elif 30 <= number < 50:
        expected = SessionRefused
    elif code is ErrorCode.UNAVAILABLE:
        expected = Unavailable
    assert type(error_from_proto(pb.Error(code=number))) is expected  # type: ignore[arg-type]


def test_a_code_of_a_later_version_is_a_failure_of_the_server() -> None:
    later = pb.Error.FromString(b"\x08\xe7\x07")  # code: 999
    error = error_from_proto(later)
    assert type(error) is ServerFailed
    assert error.code is ErrorCode.UNSPECIFIED
