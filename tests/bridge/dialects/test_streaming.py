"""The streaming clients' dialect: recorded transcripts both ways, and what holds for any frame."""

import json
from pathlib import Path
from typing import Any, get_args

import pybase64
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.streaming.frames import UpFrame
from cedar_voice_bridge.dialects.streaming.silence import SILENT_MP3
from cedar_voice_bridge.dialects.streaming.translator import StreamingTranslator
from cedar_voice_bridge.translation.errors import DialectError
from tests.support.hearing import listen

GOLDEN = sorted((Path(__file__).parent / "golden" / "streaming").glob("*.jsonl"))
KINDS = [str(frame.__struct_config__.tag) for frame in get_args(UpFrame)]

json_values = st.none() | st.booleans() | st.integers() | st.text()
anything = st.recursive(
    json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
audio = st.binary(min_size=1, max_size=20)


def replay(dialect: StreamingTranslator, line: dict[str, Any]) -> dict[str, Any]:
    """Return the output of the dialect for the first half of a line, as its second half has it."""
    match line:
        case {"giveUp": reason}:
            error = pb.Error(code=pb.ERROR_CODE_UNAVAILABLE, message=reason)
            return {"frames": dialect.close(error)}
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
    dialect = StreamingTranslator()
    for text in path.read_text().splitlines():
        line = json.loads(text)
        made = replay(dialect, line)
        if "frames" in made:
            made["frames"] = [json.loads(frame) for frame in made["frames"]]
        assert line == {**line, **made}
        assert set(made) < set(line)


@given(
    st.text()
    | st.builds(
        lambda kind, values: json.dumps({**values, "type": kind}),
        st.sampled_from(KINDS),
        st.dictionaries(st.sampled_from(["audioData", "settings", "text", "context"]), anything),
    )
)
def test_any_text_is_understood_or_refused(frame: str) -> None:
    dialect = StreamingTranslator()
    for look in (dialect.decode, dialect.token_in):
        try:
            look(frame)
        except DialectError as problem:
            (refusal,) = dialect.refuse(problem)
            assert json.loads(refusal)["type"] == "error"


@given(audio)
def test_audio_arrives_as_it_was_sent(data: bytes) -> None:
    frame = {"type": "audio_chunk", "audioData": pybase64.b64encode_as_string(data)}
    (request,) = StreamingTranslator().decode(json.dumps(frame))
    assert request.audio.data == data


def turn(turn_id: int, chunks: list[bytes], *, is_marked: bool) -> list[pb.VoiceSessionResponse]:
    """A turn of the service; the last chunk may be marked, or the end come by itself."""
    started = pb.ResponseEvent(response_id=turn_id, started=pb.ResponseStarted(user_text="hi"))
    sounds = [pb.OutputAudio(response_id=turn_id, data=data) for data in chunks]
    if is_marked and sounds:
        sounds[-1].is_last = True
    else:
        sounds.append(pb.OutputAudio(response_id=turn_id, is_last=True))
    return [
        pb.VoiceSessionResponse(turn_id=turn_id, response=started),
        *(pb.VoiceSessionResponse(turn_id=turn_id, audio=sound) for sound in sounds),
        pb.VoiceSessionResponse(turn_id=turn_id, metrics=pb.TurnMetrics()),
    ]


@given(st.lists(st.tuples(st.lists(audio, max_size=3), st.booleans()), max_size=4))
def test_exactly_the_last_chunk_is_the_last(turns: list[tuple[list[bytes], bool]]) -> None:
    dialect = StreamingTranslator()
    for turn_id, (chunks, is_marked) in enumerate(turns, start=1):
        sent = [
            frame
            for response in turn(turn_id, chunks, is_marked=is_marked)
            for frame in dialect.encode(response)
        ]
        heard = [json.loads(frame) for frame in sent]
        last = [frame["isLast"] for frame in heard if frame["type"] == "audio_chunk"]
        assert last == [False] * (len(last) - 1) + [True] * bool(chunks)
        assert heard[-1]["type"] == "complete" and dialect.ends_turn(sent[-1])
        assert sum(map(dialect.ends_turn, sent)) == 1


def final(turn_id: int, text: str, *, continues: bool = False) -> pb.VoiceSessionResponse:
    """What the user said in a turn."""
    said = pb.Transcription(text=text, is_final=True, continues=continues)
    return pb.VoiceSessionResponse(turn_id=turn_id, transcription=said)


RECORD = pb.VoiceSessionResponse(turn_id=1, metrics=pb.TurnMetrics())
UNHEARD = pb.VoiceSessionResponse(turn_id=2, error=pb.Error(message="no"))


@pytest.mark.parametrize("rest", [[final(2, "")], [final(2, "", continues=True), UNHEARD]])
def test_words_whose_rest_is_none_end_with_their_answer_alone(
    rest: list[pb.VoiceSessionResponse],
) -> None:
    dialect = StreamingTranslator()
    answer = turn(3, [b"sound"], is_marked=True)
    said = [final(1, "first part", continues=True), RECORD, *rest, *answer, final(4, "")]
    sent = [frame for response in said for frame in dialect.encode(response)]
    ends = [json.loads(frame)["turnId"] for frame in sent if dialect.ends_turn(frame)]
    assert ends == [3, 4]


def test_noise_that_goes_on_is_not_answered() -> None:
    dialect = StreamingTranslator()
    said = [final(1, "", continues=True), RECORD, final(2, "")]
    sent = [frame for response in said for frame in dialect.encode(response)]
    assert [dialect.ends_turn(frame) for frame in sent] == [False, False, True]


def test_the_silent_chunk_is_a_file_without_sound() -> None:
    heard = listen(SILENT_MP3)
    assert heard.peak == 0
    assert 20 <= heard.duration_ms <= 100


def test_the_words_of_a_page_do_not_end_its_turn() -> None:
    started = pb.ResponseStarted(user_text='{"type":"complete"')
    response = pb.ResponseEvent(response_id=1, started=started)
    dialect = StreamingTranslator()
    (frame,) = dialect.encode(pb.VoiceSessionResponse(turn_id=1, response=response))
    assert not dialect.ends_turn(frame)
