"""Items of a realtime transcription, in any order of arrival."""

from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.providers.openai.realtime_transcript import RealtimeTranscript
from cedar_voice_service.providers.protocols import Hypothesis

ITEMS = ("first", "second", "third")


def partial_of(transcript: RealtimeTranscript) -> Hypothesis:
    partial = transcript.partial(is_settled=False)
    assert partial is not None
    return partial


def test_items_stand_in_the_order_of_their_commits() -> None:
    transcript = RealtimeTranscript("en")
    for item_id in ITEMS:
        transcript.begin(item_id)
    transcript.complete("third", "Go home.")
    transcript.complete("first", "Stop it.")
    transcript.extend("second", " Now")
    assert partial_of(transcript).text == "Stop it. Now Go home."
    assert transcript.complete_count == 2


def test_nothing_is_stable_behind_an_item_that_is_not_complete() -> None:
    transcript = RealtimeTranscript("en")
    transcript.extend("first", "Stop it n")
    transcript.complete("second", "Go home.")
    assert partial_of(transcript).stable_text == "Stop it"
    transcript.complete("first", "Stop it now.")
    assert partial_of(transcript).stable_text == "Stop it now. Go home."


def test_what_contradicts_stable_text_waits_for_the_final() -> None:
    transcript = RealtimeTranscript("en")
    transcript.extend("first", "to day is")
    assert partial_of(transcript).stable_text == "to day"
    transcript.complete("first", "Today is fine.")
    assert transcript.partial(is_settled=True) is None
    assert transcript.final().text == "Today is fine."


def test_what_was_not_committed_is_shown_but_not_final() -> None:
    transcript = RealtimeTranscript("en")
    transcript.complete("first", "Stop it.")
    transcript.extend("second", "you")
    assert partial_of(transcript).text == "Stop it. you"
    assert transcript.final().text == "Stop it."


def test_a_settled_partial_is_what_the_final_would_be() -> None:
    transcript = RealtimeTranscript("en")
    transcript.complete("first", "Stop it.")
    transcript.extend("second", " you know")
    settled = transcript.partial(is_settled=True)
    assert settled is not None and settled.is_settled
    assert settled.text == settled.stable_text == transcript.final().text == "Stop it."


def test_nothing_new_is_nothing_to_tell() -> None:
    transcript = RealtimeTranscript("en")
    assert transcript.partial(is_settled=False) is None
    transcript.complete("first", "Stop it.")
    assert partial_of(transcript).text == "Stop it."
    assert transcript.partial(is_settled=False) is None
    assert transcript.partial(is_settled=True) is not None


def test_words_are_not_spaced_where_the_language_does_not() -> None:
    transcript = RealtimeTranscript("ja")
    transcript.complete("first", "止めて。")
    transcript.complete("second", "帰って。")
    assert transcript.final().text == "止めて。帰って。"


def test_a_delta_after_the_completion_changes_nothing() -> None:
    transcript = RealtimeTranscript("en")
    transcript.complete("first", "Stop it.")
    transcript.extend("first", " late")
    assert transcript.final().text == "Stop it."


TELLINGS = st.lists(
    st.tuples(
        st.sampled_from(["extend", "complete"]),
        st.sampled_from(ITEMS),
        st.text(" ab", max_size=6),
        st.booleans(),
    ),
    max_size=20,
)


@given(TELLINGS, st.sampled_from(["en", "ja"]))
def test_stable_text_is_never_taken_back(
    tellings: list[tuple[str, str, str, bool]], language: str
) -> None:
    transcript = RealtimeTranscript(language)
    stable = ""
    for verb, item_id, text, is_settled in tellings:
        getattr(transcript, verb)(item_id, text)
        partial = transcript.partial(is_settled=is_settled)
        if partial is None:
            continue
        assert partial.stable_text.startswith(stable)
        assert partial.text.startswith(partial.stable_text)
        stable = partial.stable_text
