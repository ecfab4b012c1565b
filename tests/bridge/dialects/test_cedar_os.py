"""The dialect of cedar-os: recorded turns, and what a recording asks of a session."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_os.frames import SetState
from cedar_voice_bridge.dialects.cedar_os.translator import (
    CedarOsTurn,
    Delivery,
    requests_of,
    task_of,
)
from cedar_voice_bridge.translation.errors import DialectError

GOLDEN = sorted((Path(__file__).parent / "golden" / "cedar_os").glob("*.jsonl"))
SENT_BY_CEDAR_OS = (
    '{"language":"en-US","pitch":1,"rate":1,"volume":1,"useBrowserTTS":false,'
    '"autoAddToMessages":true,"stream":false,"endpoint":"http://localhost:8080/api/chat/voice"}'
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: str(path.stem))
def test_transcript(path: Path) -> None:
    said = CedarOsTurn()
    for text in path.read_text().splitlines():
        line = json.loads(text)
        response = json_format.ParseDict(line["service"], pb.VoiceSessionResponse())
        assert [json.loads(frame) for frame in said.encode(response)] == line["frames"]
    assert said.is_over


def answer_of(name: str) -> dict[str, Any]:
    """The whole answer that gathers in a recorded turn."""
    said = CedarOsTurn()
    for text in (Path(__file__).parent / "golden" / "cedar_os" / name).read_text().splitlines():
        said.encode(json_format.ParseDict(json.loads(text)["service"], pb.VoiceSessionResponse()))
    answer: dict[str, Any] = json.loads(msgspec.json.encode(said.answer))
    return answer


def test_a_whole_answer_has_all_that_the_events_have() -> None:
    answer = answer_of("turn.jsonl")
    assert (answer["transcription"], answer["text"]) == ("make it dark", "Dark it is.")
    assert base64.b64decode(answer["audioData"]) == b"speech"
    assert answer["audioFormat"] == "mp3"
    assert answer["usage"]["totalTokens"] == 16
    assert [task.get("setterKey") or task["toolName"] for task in answer["object"]] == [
        "changeTheme",
        "setTags",
        "closeWindow",
        "hang_up",
    ]


def test_a_whole_answer_without_sound_names_no_format() -> None:
    assert answer_of("whole.jsonl") == {"transcription": "make it dark", "text": "Yes."}
    assert answer_of("nothing_said.jsonl") == {"transcription": "", "text": ""}


@pytest.mark.parametrize(
    ("delivery", "framing", "stream"),
    [
        ("whole", pb.CHUNK_FRAMING_WHOLE, False),
        ("stream", pb.CHUNK_FRAMING_SELF_CONTAINED, True),
    ],
)
def test_a_recording_asks_for_one_turn(delivery: Delivery, framing: int, stream: bool) -> None:
    settings = SENT_BY_CEDAR_OS.replace('"stream":false', f'"stream":{json.dumps(stream)}')
    config, start, audio, stop = requests_of(b"webm", settings, '{"page":"inbox"}', delivery)
    assert config.config.settings.stream is stream
    assert config.config.output_audio.framing == framing
    assert config.config.turn_detection.mode == pb.TURN_DETECTION_MODE_MANUAL
    assert json.loads(config.config.context_json) == {"page": "inbox"}
    assert start.control.HasField("start_listening") and stop.control.HasField("stop_listening")
    assert audio.audio.data == b"webm"


@pytest.mark.parametrize("context", ["a note", "{", '"{\\"page\\":1}"', "[1]"])
def test_context_may_be_an_object_or_any_string(context: str) -> None:
    config = requests_of(b"webm", "", context, "whole")[0].config
    assert json.loads(config.context_json) in ("a note", "{", {"page": 1}, [1])


@pytest.mark.parametrize(
    ("settings", "field"),
    [("{", "settings"), ("[]", "settings"), ('{"rate":"fast"}', "settings.rate")],
)
def test_settings_that_are_none_are_refused(settings: str, field: str) -> None:
    with pytest.raises(DialectError) as refused:
        requests_of(b"webm", settings, "", "whole")
    assert refused.value.field == field


@given(json_values)
def test_args_go_over_as_one_parameter(value: Any) -> None:
    action = pb.Action(
        state_key="page",
        setter_key="set",
        args_json=json.dumps([value]),
        arguments_json=json.dumps({"value": value}),
    )
    task = task_of(action)
    assert isinstance(task, SetState) and task.args == value


def test_a_streamed_event_is_one_line() -> None:
    delta = pb.ResponseEvent(response_id=1, delta=pb.ResponseDelta(text="one\ntwo\r\n\u2028"))
    (frame,) = CedarOsTurn().encode(pb.VoiceSessionResponse(turn_id=1, response=delta))
    assert "\n" not in frame and "\r" not in frame
    assert json.loads(frame)["content"] == "one\ntwo\r\n\u2028"


def test_a_turn_that_nobody_answers_ends_with_its_record() -> None:
    turn = CedarOsTurn()
    heard = pb.Transcription(text="hello", is_final=True)
    turn.encode(pb.VoiceSessionResponse(transcription=heard))
    (done,) = turn.encode(pb.VoiceSessionResponse(metrics=pb.TurnMetrics()))
    assert json.loads(done) == {"type": "done", "completedItems": []}
    assert turn.is_over


def test_a_recording_that_is_heard_as_several_turns_is_told_as_one() -> None:
    turn = CedarOsTurn()
    told = []
    for text, continues in (("first part", True), ("and the rest", False)):
        heard = pb.Transcription(text=text, is_final=True, continues=continues)
        told += turn.encode(pb.VoiceSessionResponse(transcription=heard))
    assert [json.loads(event)["transcription"] for event in told] == ["first part", "and the rest"]
    assert turn.answer.transcription == "first part and the rest"
    assert not turn.is_over
