"""Texts are joined as their scripts are written, by service and bridge alike."""

import pytest

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_os.translator import CedarOsTurn
from cedar_voice_service.recognition.words import follow, join, split
from cedar_voice_shared.text import joined

PAIRS = [
    ("turn on", "the light", "turn on the light"),
    ("今天天气", "很好", "今天天气很好"),
    ("今天天气很好。", "我们去公园。", "今天天气很好。我们去公园。"),
    ("「はい」", "「いいえ」", "「はい」「いいえ」"),
    ("สวัสดี", "ครับ", "สวัสดีครับ"),
    ("မင်္ဂလာ", "ပါ", "မင်္ဂလာပါ"),
    ("ສະບາຍ", "ດີ", "ສະບາຍດີ"),
    ("សួស្តី", "បង", "សួស្តីបង"),
    ("アイヌㇰ", "ㇱタ", "アイヌㇰㇱタ"),
    ("𠀀", "𠀁", "𠀀𠀁"),
    ("佐々", "木", "佐々木"),
    ("안녕하세요", "여러분", "안녕하세요 여러분"),
    ("он", "и", "он и"),
    ("и", "а", "и а"),
    ("我用", "Python", "我用 Python"),
]


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [*PAIRS, ("", "the light", "the light"), ("turn on ", "", "turn on"), ("", " ", "")],
)
def test_a_space_is_put_where_the_scripts_have_one(before: str, after: str, whole: str) -> None:
    assert joined(before, after) == whole


@pytest.mark.parametrize(("before", "after", "whole"), PAIRS)
def test_windows_of_a_recognizer_are_joined_alike(before: str, after: str, whole: str) -> None:
    first = split(before)
    assert join((*first, *follow(first, split(after)))) == whole


@pytest.mark.parametrize(("before", "after", "whole"), PAIRS)
def test_the_bridge_joins_the_turns_of_a_recording_alike(
    before: str, after: str, whole: str
) -> None:
    turn = CedarOsTurn()
    for text, continues in ((before, True), (after, False)):
        part = pb.Transcription(text=text, is_final=True, continues=continues)
        turn.encode(pb.VoiceSessionResponse(transcription=part))
    assert turn.answer.transcription == whole
