"""Words of transcripts: compared leniently, joined as they were written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.recognition.transcript import LocalAgreement, is_plausible
from cedar_voice_service.recognition.words import (
    common_count,
    follow,
    join,
    keeping,
    keys,
    split,
    without_overlap,
)


@given(st.text(alphabet=st.sampled_from("ab ,.?!-'¿今日は。ไทÉé\t\n"), max_size=40))
def test_splitting_loses_nothing_but_white_space_and_lone_marks(text: str) -> None:
    joined = join(split(text))
    if split(text):
        assert "".join(joined.split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Open, the settings.", "open the SETTINGS"),
        ("café", "cafe\u0301"),
        ("it's", "It's!"),
        ("¿Qué tal?", "qué tal"),
        ("今日は。", "今日は"),
    ],
)
def test_writing_makes_no_difference(one: str, other: str) -> None:
    assert keys(split(one)) == keys(split(other))


def test_scripts_without_spaces_are_compared_by_character() -> None:
    assert keys(split("今日は晴れ")) == tuple("今日は晴れ")
    assert join(split("今日は OK です")) == "今日は OK です"
    assert common_count(split("今日は雨"), split("今日は晴れ")) == 3


def test_windows_are_joined_as_their_script_is_written() -> None:
    first, second = split("open it."), split("then close")
    assert join((*first, *follow(first, second))) == "open it. then close"
    first, second = split("今日は"), split("晴れ")
    assert join((*first, *follow(first, second))) == "今日は晴れ"


@pytest.mark.parametrize(
    ("before", "words", "left"),
    [
        ("please open the", "open the settings", "settings"),
        ("please open the", "then the settings", "settings"),
        ("please open the", "settings page", "settings page"),
        ("one two", "", ""),
        ("a b c d e f", "b c d e f g", "g"),
    ],
)
def test_shared_words_count_once(before: str, words: str, left: str) -> None:
    assert join(without_overlap(split(before), split(words))) == left


def shown(agreement: LocalAgreement) -> tuple[str, str]:
    return join(agreement.stable), join(agreement.tail)


def test_two_hypotheses_make_words_stable_but_the_last() -> None:
    agreement = LocalAgreement()
    agreement.add(split("open the set"), 1_000, is_at_pause=False)
    assert shown(agreement) == ("", "open the set")
    agreement.add(split("Open the set things"), 1_500, is_at_pause=False)
    assert shown(agreement) == ("Open the", "set things")


def test_hypotheses_on_the_same_sound_do_not_make_words_stable() -> None:
    agreement = LocalAgreement()
    agreement.add(split("open the door"), 1_000, is_at_pause=False)
    agreement.add(split("open the door"), 1_200, is_at_pause=False)
    assert shown(agreement) == ("", "open the door")


def test_before_a_pause_the_last_word_counts_too() -> None:
    agreement = LocalAgreement()
    agreement.add(split("open it"), 1_000, is_at_pause=False)
    agreement.add(split("open it"), 1_300, is_at_pause=True)
    assert shown(agreement) == ("open it", "")


@pytest.mark.parametrize(
    ("certain", "words", "kept"),
    [
        ("open the", "Open the door", "open the door"),
        ("open the door", "close the door now", "open the door now"),
        ("open the door", "the door now", "open the door now"),
        ("open the door", "please open the door now", "open the door now"),
        ("open the door", "Open the door.", "open the door."),
        ("open the door.", "Open the door, now", "open the door. now"),
        ("open the door", "thank you", "open the door"),
        ("open the door", "", "open the door"),
        ("", "open", "open"),
    ],
)
def test_what_is_certain_stays_and_the_rest_follows(certain: str, words: str, kept: str) -> None:
    assert join(keeping(split(certain), split(words))) == kept


@given(st.lists(st.sampled_from("abc")), st.lists(st.sampled_from("abc")))
def test_whatever_is_heard_next_begins_with_what_is_certain(
    certain: list[str], words: list[str]
) -> None:
    kept = keeping(split(" ".join(certain)), split(" ".join(words)))
    assert [word.text for word in kept[: len(certain)]] == certain
    assert len(kept) <= len(certain) + len(words)


@pytest.mark.parametrize(
    ("text", "sound_ms", "plausible"),
    [
        ("open the settings page", 1_200, True),
        ("thank you so much for watching this video", 500, False),
        ("the the the the the", 5_000, False),
        ("very very very good", 5_000, True),
        ("go on and go on and go on and go on and", 5_000, False),
        ("", 0, True),
    ],
)
def test_loops_and_too_many_words_are_not_believed(
    text: str, sound_ms: int, plausible: bool
) -> None:
    assert is_plausible(split(text), sound_ms) is plausible
