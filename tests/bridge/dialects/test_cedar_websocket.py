"""The Cedar WebSocket dialect: recorded transcripts both ways, and what holds for any frame."""

import json
from pathlib import Path
from typing import Any, get_args

import pybase64
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket import frames
from cedar_voice_bridge.dialects.cedar_websocket.translator import CedarWebSocketTranslator
from cedar_voice_bridge.translation.configuration import Settings, chunk_by_chunk_config
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_bridge.translation.frames import Output, Tool, TurnDetection
from cedar_voice_bridge.translation.requests import AUDIO_PIECE_BYTES

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.jsonl"))
KINDS = [str(frame.__struct_config__.tag) for frame in get_args(frames.UpFrame)]
PARTS = (
    *get_args(frames.UpFrame),
    Settings,
    TurnDetection,
    Output,
    Tool,
)

json_floats = st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | json_floats | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
known_names = st.sampled_from(
    sorted({field.encode_name for part in PARTS for field in fields(part)})
)
near_misses = st.recursive(
    anything, lambda inner: st.dictionaries(known_names, inner, max_size=4), max_leaves=8
)


def replay(dialect: CedarWebSocketTranslator, line: dict[str, Any]) -> dict[str, Any]:
    """Return the output of the dialect for the first half of a line, as its second half has it."""
    match line:
        case {"greet": session_id}:
            return {"frames": dialect.greet(session_id)}
        case {"close": _}:
            return {"frames": dialect.close(None)}
        case {"service": service}:
            response = json_format.ParseDict(service, pb.VoiceSessionResponse())
            return {"frames": dialect.encode(response)}
        case _:
            browser = line["browser"]
            frame = browser if isinstance(browser, str) else json.dumps(browser)
            try:
                requests = dialect.decode(frame)
            except DialectError as problem:
                return {"frames": dialect.refuse(problem)}
            return {"requests": [json_format.MessageToDict(request) for request in requests]}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: str(path.stem))
def test_transcript(path: Path) -> None:
    dialect = CedarWebSocketTranslator()
    for text in path.read_text().splitlines():
        line = json.loads(text)
        made = replay(dialect, line)
        if "frames" in made:
            made["frames"] = [json.loads(frame) for frame in made["frames"]]
        assert line == {**line, **made}
        assert set(made) < set(line)


def test_a_session_opens_with_what_clients_need_that_play_each_chunk_alone() -> None:
    config = chunk_by_chunk_config("abc")
    assert config.session_id == "abc"
    assert config.output_audio.format.encoding == pb.AUDIO_ENCODING_MP3
    assert config.output_audio.framing == pb.CHUNK_FRAMING_SELF_CONTAINED
    assert config.output_audio.HasField("max_lead_ms") and config.output_audio.max_lead_ms == 0
    assert not config.output_audio.supports_hold
    assert config.turn_detection.mode == pb.TURN_DETECTION_MODE_SERVER_VAD


@given(st.text() | near_misses.map(json.dumps))
def test_any_text_is_understood_or_refused(frame: str) -> None:
    dialect = CedarWebSocketTranslator()
    for look in (dialect.decode, dialect.token_in):
        try:
            look(frame)
        except DialectError as problem:
            (refusal,) = dialect.refuse(problem)
            assert json.loads(refusal)["type"] == "error"


@given(st.sampled_from(KINDS), st.dictionaries(known_names, near_misses, max_size=4))
def test_any_frame_of_a_known_type_is_understood_or_refused(
    kind: str, values: dict[str, Any]
) -> None:
    try:
        requests = CedarWebSocketTranslator().decode(json.dumps({**values, "type": kind}))
    except DialectError as problem:
        expected = pb.ERROR_CODE_INVALID_CONFIG if kind == "config" else None
        assert problem.code == (expected or pb.ERROR_CODE_INVALID_MESSAGE)
    else:
        assert all(request.WhichOneof("payload") for request in requests)


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"type":"config","context":['])
def test_deep_nesting_is_refused(opening: str) -> None:
    with pytest.raises(DialectError):
        CedarWebSocketTranslator().decode(opening * 100_000)


@given(st.binary(min_size=1, max_size=3 * AUDIO_PIECE_BYTES))
def test_audio_arrives_as_it_was_sent(audio: bytes) -> None:
    frame = json.dumps({"type": "audio_chunk", "data": pybase64.b64encode_as_string(audio)})
    pieces = [request.audio.data for request in CedarWebSocketTranslator().decode(frame)]
    assert b"".join(pieces) == audio
    assert all(0 < len(piece) <= AUDIO_PIECE_BYTES for piece in pieces)


@given(anything)
def test_context_arrives_as_it_was_sent(context: Any) -> None:
    frame = json.dumps({"type": "config", "context": context})
    (request,) = CedarWebSocketTranslator().decode(frame)
    sent = json.loads(request.config.context_json)
    assert sent == context or json.dumps(sent) == context


@given(st.dictionaries(st.text(), anything))
def test_context_made_a_string_by_its_client_arrives_as_the_object(context: Any) -> None:
    frame = json.dumps({"type": "config", "context": json.dumps(context)})
    (request,) = CedarWebSocketTranslator().decode(frame)
    assert json.loads(request.config.context_json) == context


@given(
    rate=json_floats,
    language=st.text(),
    stream=st.booleans(),
)
def test_settings_come_back_as_they_were_sent(rate: float, language: str, stream: bool) -> None:
    dialect = CedarWebSocketTranslator()
    settings = {"rate": rate, "language": language, "stream": stream}
    (request,) = dialect.decode(json.dumps({"type": "config", "settings": settings}))
    ready = pb.SessionReady(settings=request.config.settings)
    (frame,) = dialect.encode(pb.VoiceSessionResponse(ready=ready))
    assert json.loads(frame)["settings"] == settings


@given(st.data())
def test_every_response_that_began_ends_its_sound_once(data: st.DataObject) -> None:
    dialect = CedarWebSocketTranslator()
    began, sent = 0, []
    for _ in range(data.draw(st.integers(0, 6))):
        began += 1
        started = pb.ResponseEvent(response_id=began, started=pb.ResponseStarted())
        sent += dialect.encode(pb.VoiceSessionResponse(response=started))
        if data.draw(st.booleans()):
            audio = pb.OutputAudio(response_id=began, data=data.draw(st.binary()), is_last=True)
            sent += dialect.encode(pb.VoiceSessionResponse(audio=audio))
    sent += dialect.close(None)
    said = [json.loads(frame) for frame in sent]
    ended = [frame["responseId"] for frame in said if frame["type"] == "audio_complete"]
    assert sorted(ended) == list(range(1, began + 1))


def test_the_secret_of_the_session_stays_with_the_bridge() -> None:
    ready = pb.SessionReady(session_id="s", resume_token="secret")
    assert "secret" not in "".join(
        CedarWebSocketTranslator().encode(pb.VoiceSessionResponse(ready=ready))
    )


def test_what_this_version_does_not_know_is_silence() -> None:
    assert CedarWebSocketTranslator().encode(pb.VoiceSessionResponse(sequence=1)) == []


ACTION = pb.VoiceSessionResponse(
    action=pb.Action(action_id="a", state_key="screen", setter_key="show", args_json='["report"]')
)
CALL = pb.VoiceSessionResponse(action=pb.Action(action_id="a", tool_name="print", args_json="[]"))


def kind_of_action(configs: list[str], response: pb.VoiceSessionResponse = ACTION) -> str:
    """The type of the frame of an action, after these values of `context` in JSON."""
    translator = CedarWebSocketTranslator()
    for context in configs:
        translator.decode(f'{{"type": "config", "context": {context}}}')
    (frame,) = translator.encode(response)
    return str(json.loads(frame)["type"])


@pytest.mark.parametrize(
    ("contexts", "kind"),
    [
        ([], "action"),
        (['"{}"'], "action"),
        (['"text"'], "action"),
        (["[]"], "action"),
        (["null"], "action"),
        (["{}"], "setState"),
        ([' \n{"page": "home"}'], "setState"),
        (["{}", '"{}"'], "action"),
        (['"{}"', "{}"], "setState"),
    ],
)
def test_the_kind_of_context_names_the_frame_of_an_action(contexts: list[str], kind: str) -> None:
    assert kind_of_action(contexts) == kind


def test_a_configuration_without_context_changes_no_names() -> None:
    translator = CedarWebSocketTranslator()
    translator.decode('{"type": "config", "context": {}}')
    translator.decode('{"type": "config", "settings": {"rate": 1.5}}')
    (frame,) = translator.encode(ACTION)
    assert json.loads(frame)["type"] == "setState"


def test_a_tool_that_is_no_setter_is_an_action_for_everybody() -> None:
    assert kind_of_action(["{}"], CALL) == "action"


def is_until_stopped(*frames_before: str) -> bool:
    """Whether a period lasts until it is stopped, after these frames."""
    translator = CedarWebSocketTranslator()
    for frame in frames_before:
        translator.decode(frame)
    (request,) = translator.decode('{"type": "start_listening"}')
    return request.control.start_listening.until_stopped


def test_a_period_of_the_documents_clients_lasts_until_it_is_stopped() -> None:
    assert is_until_stopped()
    assert is_until_stopped('{"type": "config", "settings": {"rate": 1}, "context": "{}"}')


@pytest.mark.parametrize("named", ["{}", '{"mode": "manual"}', '{"silence_duration_ms": 900}'])
def test_a_client_that_names_turn_detection_gets_what_it_names(named: str) -> None:
    assert not is_until_stopped(f'{{"type": "config", "turnDetection": {named}}}')
    assert not is_until_stopped(
        f'{{"type": "config", "turnDetection": {named}}}', '{"type": "config", "settings": {}}'
    )
