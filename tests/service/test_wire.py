"""The wire: every rule of the contract is checked, every message comes out as it went in."""

import json

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

import cedar_voice.v1 as pb
from cedar_voice_service.audio.formats import AudioFormat, Encoding, Framing
from cedar_voice_service.errors import CallerError, Code, EngineError, Stage
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import Action, FinishReason, Usage
from cedar_voice_service.session.config import Limits, OutputAudio, SessionConfig, TurnMode
from cedar_voice_service.session.resume.outbox import Numbered
from cedar_voice_service.wire.config import patch_of
from cedar_voice_service.wire.requests import decode
from cedar_voice_service.wire.responses import encode, encode_ready

LIMITS = Limits()


def configured(**fields: object) -> SessionConfig:
    """The defaults after a patch given as protobuf."""
    return SessionConfig().patched(patch_of(pb.SessionConfig(**fields), LIMITS))  # type: ignore[arg-type]


def test_a_patch_changes_what_it_names_and_nothing_else() -> None:
    config = configured(
        settings=pb.VoiceSettings(volume=0.0, language="de-DE"),
        turn_detection=pb.TurnDetection(mode=pb.TURN_DETECTION_MODE_MANUAL),
        pipeline=pb.PipelineConfig(temperature=0.0),
    )
    assert (config.settings.volume, config.settings.language) == (0.0, "de-DE")
    assert config.settings.rate == 1.0
    assert config.turn_detection.mode is TurnMode.MANUAL
    assert config.turn_detection.silence_duration_ms == 500
    assert config.generation.temperature == 0.0


def test_output_defaults_to_mp3_and_the_lead_is_capped() -> None:
    output = configured(output_audio=pb.OutputAudioConfig(max_lead_ms=99_000)).output_audio
    assert output == OutputAudio(AudioFormat(Encoding.MP3), Framing.CONTINUOUS, 1_000)
    paced = configured(output_audio=pb.OutputAudioConfig(max_lead_ms=0)).output_audio
    assert paced.max_lead_ms == 0


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (pb.SessionConfig(settings=pb.VoiceSettings(rate=9)), "settings.rate"),
        (pb.SessionConfig(settings=pb.VoiceSettings(pitch=0.1)), "settings.pitch"),
        (pb.SessionConfig(settings=pb.VoiceSettings(volume=-1)), "settings.volume"),
        (pb.SessionConfig(settings=pb.VoiceSettings(rate=float("nan"))), "settings.rate"),
        (
            pb.SessionConfig(turn_detection=pb.TurnDetection(silence_duration_ms=1)),
            "turn_detection.silence_duration_ms",
        ),
        (pb.SessionConfig(context_json="{not json"), "context_json"),
        (pb.SessionConfig(context_json="[" * 100_000), "context_json"),
        (pb.SessionConfig(context_json=json.dumps("x" * 300_000)), "context_json"),
        (
            pb.SessionConfig(input_audio=pb.AudioFormat(encoding=pb.AUDIO_ENCODING_PCM_S16LE)),
            "input_audio.sample_rate_hz",
        ),
        (
            pb.SessionConfig(
                output_audio=pb.OutputAudioConfig(
                    format=pb.AudioFormat(encoding=pb.AUDIO_ENCODING_FLAC)
                )
            ),
            "output_audio.format.encoding",
        ),
        (
            pb.SessionConfig(tools=pb.ToolSet(tools=[pb.ToolDefinition(name="a b")])),
            "tools[0].name",
        ),
        (
            pb.SessionConfig(
                tools=pb.ToolSet(
                    tools=[pb.ToolDefinition(name="a", parameters_json_schema='{"type": 5}')]
                )
            ),
            "tools[0].parameters_json_schema",
        ),
        (
            pb.SessionConfig(tools=pb.ToolSet(tools=[pb.ToolDefinition(name="a")] * 2)),
            "tools",
        ),
        (
            pb.SessionConfig(
                tools=pb.ToolSet(
                    tools=[
                        pb.ToolDefinition(
                            name=name,
                            parameters_json_schema=f'{{"type": "object", "enum": {[{}] * 1_000}}}',
                        )
                        for name in ("a", "b")
                    ]
                )
            ),
            "tools",
        ),
    ],
)
def test_a_bad_value_is_refused_by_name(config: pb.SessionConfig, field: str) -> None:
    with pytest.raises(CallerError) as refusal:
        patch_of(config, LIMITS)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (pb.VoiceSessionRequest(audio=pb.InputAudio()), Code.INVALID_MESSAGE),
        (
            pb.VoiceSessionRequest(audio=pb.InputAudio(data=bytes(300 << 10))),
            Code.MESSAGE_TOO_LARGE,
        ),
        (pb.VoiceSessionRequest(text=pb.TextInput(text="  ")), Code.INVALID_MESSAGE),
        (pb.VoiceSessionRequest(control=pb.Control(say=pb.Say())), Code.INVALID_MESSAGE),
        (
            pb.VoiceSessionRequest(
                control=pb.Control(create_response=pb.CreateResponse(instructions="x" * 5_000))
            ),
            Code.MESSAGE_TOO_LARGE,
        ),
        (pb.VoiceSessionRequest(text=pb.TextInput(text="x" * 5_000)), Code.MESSAGE_TOO_LARGE),
        (
            pb.VoiceSessionRequest(config=pb.SessionConfig(session_id="late")),
            Code.PROTOCOL_VIOLATION,
        ),
    ],
)
def test_a_bad_message_is_refused(request_: pb.VoiceSessionRequest, code: Code) -> None:
    with pytest.raises(CallerError) as refusal:
        decode(request_, LIMITS)
    assert refusal.value.code is code


def test_an_unknown_payload_is_ignored() -> None:
    assert decode(pb.VoiceSessionRequest(sequence=3), LIMITS) is None
    assert decode(pb.VoiceSessionRequest(control=pb.Control()), LIMITS) is None


@pytest.mark.parametrize("until_stopped", [False, True])
def test_a_listening_period_may_last_until_it_is_stopped(until_stopped: bool) -> None:
    start = pb.Control(start_listening=pb.StartListening(until_stopped=until_stopped))
    event = decode(pb.VoiceSessionRequest(control=start), LIMITS)
    assert event == on.ListeningStarted(None, until_stopped)


def test_played_ms_of_zero_is_not_the_same_as_none() -> None:
    zero = pb.Control(interrupt=pb.Interrupt(played_ms=0))
    unset = pb.Control(interrupt=pb.Interrupt())
    assert decode(pb.VoiceSessionRequest(control=zero), LIMITS) == on.InterruptRequested(0, 0)
    assert decode(pb.VoiceSessionRequest(control=unset), LIMITS) == on.InterruptRequested(0, None)


@given(st.binary(max_size=300))
def test_whatever_parses_is_decoded_or_refused(data: bytes) -> None:
    request = pb.VoiceSessionRequest()
    try:
        request.ParseFromString(data)
    except Exception:  # noqa: BLE001 - not a message at all: gRPC refuses it before us
        return
    try:
        decode(request, LIMITS)
    except CallerError as error:
        assert error.message


ERROR = EngineError(Stage.TTS, "no voice", retry_after_ms=70)
METRICS = msg.TurnMetrics(
    1, 2, 3, 4, 5, 6, 7, 8, 9, True, 10, 11, 12, 13, Usage(14, 15), 16, 17, 18
)
MESSAGES: list[msg.Message] = [
    msg.SpeechActivity(msg.SpeechKind.STOPPED, 5),
    msg.Transcription(
        "hi", is_final=True, confidence=0.5, start_ms=1, end_ms=2, stable_text="h", continues=True
    ),
    msg.ResponseStarted(1, "hi"),
    msg.ResponseDelta(1, "ho"),
    msg.ResponseCompleted(1, "ho", FinishReason.ERROR, Usage(2, 3), ERROR),
    msg.OutputAudio(1, b"x", 2, 3, "ho", AudioFormat(Encoding.WAV, 8_000, 1), is_last=True),
    msg.ActionRequested(1, Action("a", "t", "{}", "s", "k", "[]")),
    msg.Interruption(1, msg.InterruptionReason.NEW_INPUT, 4, "h"),
    msg.PlaybackHold(1, held=True),
    msg.Error(ERROR, 9),
    METRICS,
]


def unset_fields(message: object, path: str = "") -> set[str]:
    """Fields of a message that hold nothing, nested ones included."""
    missing: set[str] = set()
    for field in message.DESCRIPTOR.fields:  # type: ignore[attr-defined]
        value = getattr(message, field.name)
        if field.containing_oneof and not message.HasField(field.name):  # type: ignore[attr-defined]
            continue
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            missing |= unset_fields(value, f"{path}{field.name}.")
        elif not value:
            missing.add(f"{path}{field.name}")
    return missing


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_field_of_a_message_is_written(message: msg.Message) -> None:
    response = encode(Numbered(4, 5, message, 6))
    assert (response.sequence, response.turn_id, response.durable) == (4, 5, 6)
    missing = {path.rpartition(".")[2] for path in unset_fields(response)}
    # An error inside a session is never fatal; a TTS failure names no field of the client's.
    # Which session it is from and what it has received is said of every message alike.
    assert missing <= {"fatal", "field", "client_sequence", "ack", "term"}


def test_ready_states_every_setting_in_force() -> None:
    ready = encode_ready(SessionConfig())
    groups = (ready.settings, ready.turn_detection)
    assert all(len(group.ListFields()) == len(group.DESCRIPTOR.fields) for group in groups)
