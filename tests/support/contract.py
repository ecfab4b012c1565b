"""The contract as descriptors, for tests that walk it."""

from google.protobuf.descriptor import Descriptor, EnumDescriptor

from cedar_voice.v1 import (
    audio_pb2,
    conversation_pb2,
    error_pb2,
    session_pb2,
    voice_service_pb2,
)

FILES = tuple(
    module.DESCRIPTOR
    for module in (audio_pb2, conversation_pb2, error_pb2, session_pb2, voice_service_pb2)
)


def contract_messages() -> list[Descriptor]:
    """Every message of the contract."""
    return [message for file in FILES for message in file.message_types_by_name.values()]


def contract_enums() -> list[EnumDescriptor]:
    """Every enum of the contract."""
    return [enum for file in FILES for enum in file.enum_types_by_name.values()]
