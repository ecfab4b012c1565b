"""Words that a later text of a turn adds to the earlier one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_bridge.translation.transcript_diff import text_after

words = st.lists(st.text("abcäß", min_size=1, max_size=4), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("sent", "text", "rest"),
    [
        ("what is", "what is the time", "the time"),
        ("What is.", "what  is, the time?", "the time?"),
        ("what is", "what isn't it", "what isn't it"),
        ("what is", "what is", ""),
        ("what is the time", "what is", "what is"),
        ("what is", "that is the time", "that is the time"),
        ("", "what is", "what is"),
        ("what is", "", ""),
        ("...", "what is", "what is"),
        ("今何時", "今何時ですか。", "ですか。"),
        ("STRASSE", "Straße links", "links"),
        ("สวัสดี", "สวัสดีครับ", "ครับ"),
        ("มา", "มานา", "นา"),
        ("กา ก", "กา กี", "กา กี"),  # the mark makes it another syllable
        ("𠀀𠀁", "𠀀𠀁𠀂", "𠀂"),
    ],
)
def test_the_text_after_what_was_sent(sent: str, text: str, rest: str) -> None:
    assert text_after(text, sent) == rest


@given(words, words, st.sampled_from([" ", ", ", " - "]))
def test_what_is_added_is_told_once_whatever_the_case_and_the_stops(
    told: list[str], added: list[str], between: str
) -> None:
    text = between.join([*told, *added])
    assert text_after(text, " ".join(told).upper() + ".") == between.join(added)


@given(st.text(), st.text())
def test_it_is_always_the_end_of_the_text(text: str, told: str) -> None:
    assert text.endswith(text_after(text, told))
