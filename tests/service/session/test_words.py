"""Words of any script, cut."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.session.text import (
    CHAR_MS,
    UNSPACED_CHAR_MS,
    first_words,
    spoken_within,
)

CHINESE = "今天天气很好，我们去公园。"
THAI = "ที่นี่"


@pytest.mark.parametrize(
    ("text", "max_chars", "left"),
    [
        ("One two three.", 0, ""),
        ("One two three.", 2, ""),
        ("One two three.", 3, "One"),
        ("One two three.", 6, "One"),
        ("One two three.", 13, "One two"),
        ("One two three.", 14, "One two three."),
        ("안녕하세요 여러분", 7, "안녕하세요"),
        (CHINESE, 4, "今天天气"),
        (CHINESE, 7, "今天天气很好，"),
        ("我用Python写", 5, "我用"),
        ("我用Python写", 8, "我用Python"),
        (THAI, 1, ""),
        (THAI, 2, ""),
        (THAI, 3, "ที่"),
        ("か\u3099か", 1, ""),  # a mark of its own makes it another syllable
        ("か\u3099か", 2, "か\u3099"),
    ],
)
def test_a_text_is_cut_after_a_word_or_a_character(text: str, max_chars: int, left: str) -> None:
    assert first_words(text, max_chars) == left


@pytest.mark.parametrize(
    ("text", "duration_ms", "said"),
    [
        ("One two three.", 0, ""),
        ("One two three.", 3 * CHAR_MS, "One"),
        ("One two three.", 10 * CHAR_MS, "One two"),
        ("One two three.", 60_000, "One two three."),
        ("今天天气很好", 2 * UNSPACED_CHAR_MS + 1, "今天"),
    ],
)
def test_a_voice_of_usual_pace_says_so_much(text: str, duration_ms: int, said: str) -> None:
    assert spoken_within(text, duration_ms) == said


@given(st.text(), st.integers(0, 200))
def test_what_is_left_begins_the_text_and_is_no_longer_than_it_may_be(text: str, at: int) -> None:
    left = first_words(text, at)
    assert text.startswith(left) and len(left) <= at
    following = text[len(left) :]
    assert not following or not left or not unicodedata.category(following[0]).startswith("M")
