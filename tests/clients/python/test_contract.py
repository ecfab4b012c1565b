"""The generated service answers by its descriptors, tried with a synchronous servicer.

grpc_testing knows no asyncio, so it drives what it honestly can: descriptors, serializers and a
servicer of plain functions. Everything asynchronous is tested against a real server.
"""

from collections.abc import Iterator
from typing import Any

import grpc
import grpc_testing

import cedar_voice.v1 as pb
from cedar_voice.v1 import voice_service_pb2
from cedar_voice.v1.voice_service_pb2_grpc import VoiceServiceServicer
from cedar_voice_client import SessionOptions, events
from cedar_voice_client.service_info import ServiceInfo
from cedar_voice_client.wire import config_from_options, event_from_proto
from cedar_voice_shared.mirror import read

SERVICE = voice_service_pb2.DESCRIPTOR.services_by_name["VoiceService"]


class Echo(VoiceServiceServicer):
    """Returns every configuration to its sender."""

    def VoiceSession(
        self, request_iterator: Any, context: Any
    ) -> Iterator[pb.VoiceSessionResponse]:
        for request in request_iterator:
            yield pb.VoiceSessionResponse(ready=pb.SessionReady(settings=request.config.settings))

    def GetServiceInfo(self, request: Any, context: Any) -> pb.GetServiceInfoResponse:
        return pb.GetServiceInfoResponse(server_info=pb.ServerInfo(name="echo"))

    def GetSession(self, request: Any, context: Any) -> pb.GetSessionResponse:
        return pb.GetSessionResponse()

    def DeleteSession(self, request: Any, context: Any) -> pb.DeleteSessionResponse:
        return pb.DeleteSessionResponse()


def test_the_descriptors_carry_a_conversation() -> None:
    server = grpc_testing.server_from_dictionary({SERVICE: Echo()}, grpc_testing.strict_real_time())
    call = server.invoke_stream_stream(SERVICE.methods_by_name["VoiceSession"], (), None)
    for language in ("en-US", "de-DE"):
        config = config_from_options(SessionOptions(language=language))
        call.send_request(pb.VoiceSessionRequest(config=config))
        event = event_from_proto(call.take_response())
        assert isinstance(event, events.Ready)
        assert event.settings.language == language
    call.requests_closed()
    _, status, _ = call.termination()
    assert status is grpc.StatusCode.OK


def test_the_descriptors_carry_a_question() -> None:
    server = grpc_testing.server_from_dictionary({SERVICE: Echo()}, grpc_testing.strict_real_time())
    method = SERVICE.methods_by_name["GetServiceInfo"]
    answer, _, status, _ = server.invoke_unary_unary(
        method, (), pb.GetServiceInfoRequest(), None
    ).termination()
    assert status is grpc.StatusCode.OK
    assert read(ServiceInfo, answer).server_info.name == "echo"
