"""Every field of the contract has its place in the SDK, and values are converted unchanged."""

from dataclasses import fields
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

import cedar_voice.v1 as pb
from cedar_voice_client import (
    AudioEncoding,
    AudioFormat,
    ChunkFraming,
    OutputAudioConfig,
    SessionOptions,
    StateSetter,
    Tool,
    TurnDetection,
    TurnDetectionMode,
    events,
    options,
    service_info,
)
from cedar_voice_client.enums import FinishReason, PipelineStage
from cedar_voice_client.wire import (
    EVENT_OF_PAYLOAD,
    EVENT_OF_RESPONSE,
    config_from_options,
    event_from_proto,
)
from cedar_voice_shared.mirror import read

MIRRORS: dict[str, type] = {
    "SessionReady": events.Ready,
    "Transcription": events.Transcription,
    "ResponseStarted": events.ResponseStarted,
    "ResponseDelta": events.ResponseDelta,
    "ResponseCompleted": events.ResponseCompleted,
    "Usage": events.Usage,
    "OutputAudio": events.AudioChunk,
    "Action": events.Action,
    "Error": events.ErrorEvent,
    "SpeechActivity": events.SpeechActivity,
    "Interruption": events.Interruption,
    "TurnMetrics": events.TurnMetrics,
    "Pong": events.Pong,
    "GoAway": events.GoAway,
    "TokenExpiring": events.TokenExpiring,
    "Limits": service_info.Limits,
    "ServerInfo": service_info.ServerInfo,
    "Engine": service_info.Engine,
    "GetServiceInfoResponse": service_info.ServiceInfo,
    "AudioFormat": options.AudioFormat,
    "OutputAudioConfig": options.OutputAudioConfig,
    "TurnDetection": options.TurnDetection,
    "StateSetter": options.StateSetter,
    "VoiceSettings": options.VoiceSettings,
}
ENVELOPE = {"term", "sequence", "turn_id"}
OF_THE_WIRE = {"settings", "pipeline", "context_json", "resume", "history"}
IN_RESPONSE_EVENT = {"response_id"}


def descriptor(name: str) -> Descriptor:
    found: Descriptor = getattr(pb, name).DESCRIPTOR
    return found


def names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)}


@pytest.mark.parametrize("name", MIRRORS)
def test_a_dataclass_has_the_fields_of_its_message(name: str) -> None:
    ours = names(MIRRORS[name])
    if issubclass(MIRRORS[name], events.Event):
        ours -= ENVELOPE
    if name.startswith("Response"):
        ours -= IN_RESPONSE_EVENT
    assert ours == set(descriptor(name).fields_by_name)


def test_every_event_of_the_contract_is_known() -> None:
    choice = descriptor("VoiceSessionResponse").oneofs_by_name["payload"]
    payloads = {field.name for field in choice.fields}
    assert payloads == {*EVENT_OF_PAYLOAD, "response"}
    assert set(descriptor("ResponseEvent").fields_by_name) == {*EVENT_OF_RESPONSE, "response_id"}
    assert {*ENVELOPE, "ack", "durable", *payloads} == set(
        descriptor("VoiceSessionResponse").fields_by_name
    )


def test_every_option_of_the_contract_can_be_set() -> None:
    config = set(descriptor("SessionConfig").fields_by_name)
    settings = set(descriptor("VoiceSettings").fields_by_name)
    pipeline = set(descriptor("PipelineConfig").fields_by_name)
    spread = config - OF_THE_WIRE | settings | pipeline
    assert names(SessionOptions) == spread | {"context"}
    tool = set(descriptor("ToolDefinition").fields_by_name)
    assert names(Tool) == tool - {"parameters_json_schema"} | {"parameters"}


def filled(message: Message) -> Any:
    """Return the message with every field set to a value that is not its default."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None:
            part = getattr(message, field.name)
            filled(part.add() if field.is_repeated else part)
        elif field.is_repeated:
            getattr(message, field.name).append(_value(field))
        else:
            setattr(message, field.name, _value(field))
    return message


def _value(field: Any) -> object:
    if field.enum_type is not None:
        return field.enum_type.values[-1].number
    return {
        FieldDescriptor.CPPTYPE_BOOL: True,
        FieldDescriptor.CPPTYPE_DOUBLE: 0.5,
        FieldDescriptor.CPPTYPE_STRING: b"data" if field.name == "data" else f"the {field.name}",
    }.get(field.cpp_type, field.number)


def assert_same(ours: Any, theirs: Any) -> None:
    """Assert that a value of the SDK equals one of the contract."""
    if isinstance(theirs, Message):
        for field in theirs.DESCRIPTOR.fields:
            assert_same(getattr(ours, field.name), getattr(theirs, field.name))
    elif isinstance(ours, tuple):
        assert len(ours) == len(theirs)
        for our_item, their_item in zip(ours, theirs, strict=True):
            assert_same(our_item, their_item)
    else:
        assert getattr(ours, "value", ours) == theirs


@pytest.mark.parametrize("name", EVENT_OF_PAYLOAD)
def test_every_value_of_an_event_arrives(name: str) -> None:
    message = pb.VoiceSessionResponse(sequence=3, turn_id=2)
    filled(getattr(message, name))
    event = event_from_proto(message)
    assert event is not None
    assert (event.sequence, event.turn_id) == (3, 2)
    assert_same(event, getattr(message, name))


@pytest.mark.parametrize("name", EVENT_OF_RESPONSE)
def test_every_value_of_a_response_event_arrives(name: str) -> None:
    message = pb.VoiceSessionResponse(sequence=3, turn_id=2)
    message.response.response_id = 9
    filled(getattr(message.response, name))
    event: Any = event_from_proto(message)
    assert (event.sequence, event.turn_id, event.response_id) == (3, 2, 9)
    assert_same(event, getattr(message.response, name))


def test_absent_fields_are_none() -> None:
    completed = pb.ResponseEvent(completed=pb.ResponseCompleted(text="x"))
    event = event_from_proto(pb.VoiceSessionResponse(response=completed))
    assert isinstance(event, events.ResponseCompleted)
    assert event.usage is None and event.error is None
    assert event.finish_reason is FinishReason.UNSPECIFIED
    said = event_from_proto(pb.VoiceSessionResponse(transcription=pb.Transcription(text="x")))
    assert isinstance(said, events.Transcription)
    assert said.confidence is None
    zero = pb.Transcription(text="x", confidence=0.0)
    said = event_from_proto(pb.VoiceSessionResponse(transcription=zero))
    assert isinstance(said, events.Transcription)
    assert said.confidence == 0.0


def test_the_service_describes_itself_in_full() -> None:
    message = filled(pb.GetServiceInfoResponse())
    info = read(service_info.ServiceInfo, message)
    assert_same(info, message)
    assert info.engines[0].stage is PipelineStage.TTS
    assert info.input_encodings == (AudioEncoding.WAV,)


def test_options_become_a_configuration() -> None:
    config = config_from_options(
        SessionOptions(
            session_id="s-1",
            language="en-US",
            volume=0,
            use_browser_tts=False,
            context=["bare", 42, {"ä": None}],
            input_audio=AudioFormat(AudioEncoding.PCM_S16LE, 16_000, 2),
            output_audio=OutputAudioConfig(
                format=AudioFormat(AudioEncoding.OGG_OPUS),
                framing=ChunkFraming.SELF_CONTAINED,
                max_lead_ms=0,
            ),
            turn_detection=TurnDetection(mode=TurnDetectionMode.MANUAL, threshold=0.25),
            system_prompt="Be brief.",
            temperature=0.0,
            tools=(
                Tool(
                    name="add",
                    description="Adds.",
                    parameters={"type": "object"},
                    state_setter=StateSetter(
                        state_key="todos", setter_key="add", argument_order=("text", "done")
                    ),
                ),
                Tool(name="clear"),
            ),
        )
    )
    setter = pb.StateSetter(state_key="todos", setter_key="add", argument_order=["text", "done"])
    assert config == pb.SessionConfig(
        session_id="s-1",
        settings=pb.VoiceSettings(language="en-US", volume=0, use_browser_tts=False),
        context_json='["bare",42,{"ä":null}]',
        input_audio=pb.AudioFormat(
            encoding=pb.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000, channel_count=2
        ),
        output_audio=pb.OutputAudioConfig(
            format=pb.AudioFormat(encoding=pb.AUDIO_ENCODING_OGG_OPUS),
            framing=pb.CHUNK_FRAMING_SELF_CONTAINED,
            max_lead_ms=0,
        ),
        turn_detection=pb.TurnDetection(mode=pb.TURN_DETECTION_MODE_MANUAL, threshold=0.25),
        pipeline=pb.PipelineConfig(system_prompt="Be brief.", temperature=0.0),
        tools=pb.ToolSet(
            tools=[
                pb.ToolDefinition(
                    name="add",
                    description="Adds.",
                    parameters_json_schema='{"type":"object"}',
                    state_setter=setter,
                ),
                pb.ToolDefinition(name="clear"),
            ]
        ),
    )


@pytest.mark.parametrize(
    ("options", "config"),
    [
        (SessionOptions(), pb.SessionConfig()),
        (SessionOptions(tools=()), pb.SessionConfig(tools=pb.ToolSet())),
        (SessionOptions(context={}), pb.SessionConfig(context_json="{}")),
        (
            SessionOptions(output_audio=OutputAudioConfig()),
            pb.SessionConfig(output_audio=pb.OutputAudioConfig()),
        ),
    ],
    ids=["nothing", "no tools", "no context", "the usual output"],
)
def test_a_patch_holds_only_the_options_that_are_set(
    options: SessionOptions, config: pb.SessionConfig
) -> None:
    assert config_from_options(options) == config


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (SessionOptions(context=object()), TypeError),
        (SessionOptions(context=float("nan")), ValueError),
        (SessionOptions(rate="fast"), TypeError),  # type: ignore[arg-type]
        (SessionOptions(max_output_tokens=-1), ValueError),
    ],
    ids=["not JSON", "not a number", "wrong type", "out of range"],
)
def test_options_without_a_wire_form(options: SessionOptions, error: type[Exception]) -> None:
    with pytest.raises(error):
        config_from_options(options)


def test_the_arguments_of_an_action() -> None:
    action = pb.Action(args_json='["milk",2]', arguments_json='{"text":"milk","count":2}')
    event = event_from_proto(pb.VoiceSessionResponse(action=action))
    assert isinstance(event, events.Action)
    assert event.args == ["milk", 2]
    assert event.arguments == {"text": "milk", "count": 2}
    bare = event_from_proto(pb.VoiceSessionResponse(action=pb.Action()))
    assert isinstance(bare, events.Action)
    assert (bare.args, bare.arguments) == ([], {})
