"""Text made fit to be spoken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.providers.espeak.text import plain, sentences_of


def test_sentences_are_cut_at_their_ends() -> None:
    assert list(sentences_of("One. Two! Is it 3.5?\nYes")) == ["One.", "Two!", "Is it 3.5?", "Yes"]


def test_odd_symbols_are_left_out() -> None:
    assert list(sentences_of("It *costs* ~3,50 €\x00 (about) \U0001f642")) == [
        "It costs 3,50 € (about)"
    ]


@pytest.mark.parametrize("text", ["", "...", "\U0001f642 ** --", "\ud800"])
def test_nothing_to_say_is_no_sentence(text: str) -> None:
    assert list(sentences_of(text)) == []


def test_a_long_sentence_is_cut_at_a_comma_or_between_words() -> None:
    text = "word " * 40 + "comma, " + "word " * 40
    first, *_ = sentences_of(text)
    assert first.endswith("comma,")
    assert " ".join(sentences_of(text)) == text.strip()


@given(st.text(max_size=2_000))
def test_no_letter_is_lost_and_no_sentence_too_long(text: str) -> None:
    sentences = list(sentences_of(text))
    assert all(0 < len(sentence) <= 300 for sentence in sentences)
    kept = [character for character in "".join(sentences) if character.isalpha()]
    assert kept == [character for character in text if character.isalpha()]


def test_plain_text_has_letters_digits_and_common_punctuation() -> None:
    assert plain("Hi (you), 50% - right?") == "Hi you , 50 right?"
