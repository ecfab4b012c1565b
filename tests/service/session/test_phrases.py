"""Phrases: nothing is lost, the first comes early, none is cut in the wrong place."""

from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.session.response.phrases import MAX_PHRASE_CHARS, PhraseCutter


def phrases_of(*pieces: str) -> list[str]:
    cutter = PhraseCutter()
    phrases = [phrase for piece in pieces for phrase in cutter.feed(piece)]
    return phrases + cutter.flush()


@given(st.lists(st.text(alphabet=st.sampled_from("abc .,!?;:\n–-3。，Dr"), max_size=40)))
def test_nothing_but_white_space_is_lost_or_added(pieces: list[str]) -> None:
    spoken = "".join("".join(phrases_of(*pieces)).split())
    assert spoken == "".join("".join(pieces).split())


@given(st.text(alphabet="ab ", max_size=2_000))
def test_no_phrase_is_longer_than_the_bound(text: str) -> None:
    assert all(len(phrase) <= MAX_PHRASE_CHARS for phrase in phrases_of(text))


@given(st.text(alphabet="ab., ", max_size=60), st.data())
def test_the_pieces_it_comes_in_do_not_matter(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    assert phrases_of(text[:cut], text[cut:]) == phrases_of(text)


def test_the_first_phrase_is_a_clause_and_later_ones_are_sentences() -> None:
    text = "Well, the weather in Berlin is fine, with some sun. Tomorrow, though, it rains."
    assert phrases_of(text) == [
        "Well, the weather in Berlin is fine,",
        "with some sun.",
        "Tomorrow, though, it rains.",
    ]


def test_the_first_phrase_comes_before_the_sentence_is_over() -> None:
    cutter = PhraseCutter()
    assert cutter.feed("Here is the weather, ") == ["Here is the weather,"]


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    assert phrases_of("Ask Dr. Smith about 3.14 and e.g. pie. Then go.") == [
        "Ask Dr. Smith about 3.14 and e.g. pie.",
        "Then go.",
    ]


def test_a_full_stop_at_the_end_waits_for_what_follows() -> None:
    cutter = PhraseCutter()
    assert cutter.feed("That costs 3.") == []
    assert cutter.feed("50 euros. ") == ["That costs 3.50 euros."]


def test_text_without_spaces_is_cut_where_its_script_ends_sentences() -> None:
    assert phrases_of("今天天气很好。明天下雨。") == ["今天天气很好。", "明天下雨。"]
