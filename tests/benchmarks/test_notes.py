from itertools import pairwise

import pytest

from benchmarks.notes import Notes, stall_ms
from benchmarks.recording import Word

WORDS = (Word("show", 0, 400), Word("me", 400, 600), Word("it", 600, 900))


def answered() -> Notes:
    notes = Notes(WORDS, began_s=10.0)
    notes.ended_s = 11.0
    notes.final_s, notes.first_text_s = 11.2, 11.4
    notes.audio = [(11.6, 500), (11.7, 500), (13.0, 500)]
    return notes


def test_audio_that_comes_in_time_never_stalls() -> None:
    assert stall_ms([(1.0, 500), (1.5, 500), (2.05, 500)]) == 0


def test_the_players_buffer_hides_a_gap_shorter_than_itself() -> None:
    assert stall_ms([(1.0, 500), (1.6, 500)]) == pytest.approx(0)
    assert stall_ms([(1.0, 500), (1.75, 500)]) == pytest.approx(150)


def test_every_stall_delays_what_follows() -> None:
    stalls = [(1.0, 500), (2.0, 500), (2.6, 500), (3.0, 500)]
    assert stall_ms(stalls) == pytest.approx(400 + 100)


def test_audio_after_the_interruption_is_not_waited_for() -> None:
    assert stall_ms([(1.0, 500), (9.0, 500)], until_s=2.0) == 0


def test_a_turn_is_timed_from_the_end_of_the_input() -> None:
    turn = answered().turn()
    times_ms = (turn.final_ms, turn.first_text_ms, turn.first_audio_ms)
    assert times_ms == pytest.approx((200, 400, 600))
    assert turn.heard_ms == 1_500
    assert turn.stall_ms == pytest.approx(300)
    assert turn.cut_ms is turn.last_audio_ms is None


def test_an_interruption_is_timed_to_its_word_and_to_the_last_audio() -> None:
    notes = answered()
    notes.interrupted_s, notes.cut_s = 12.9, 12.95
    turn = notes.turn()
    assert turn.cut_ms == pytest.approx(50)
    assert turn.last_audio_ms == pytest.approx(100)
    assert turn.stall_ms == 0


def test_nothing_sent_after_the_interruption_counts_as_none_late() -> None:
    notes = answered()
    notes.interrupted_s = notes.cut_s = 14.0
    assert notes.turn().last_audio_ms == 0


def test_a_turn_without_audio_is_none() -> None:
    notes = answered()
    notes.audio.clear()
    with pytest.raises(ValueError, match="before it was heard"):
        notes.turn()


def test_a_word_is_stable_once_and_as_late_as_it_is_shown() -> None:
    notes = Notes(WORDS, began_s=10.0)
    for at_s, stable_text in ((10.5, ""), (10.7, "show"), (10.8, "show"), (11.0, "show me it")):
        notes.hear_partial(at_s, stable_text)
    assert notes.stable_delays_ms == pytest.approx([300, 400, 100])
    assert (notes.partials, notes.retractions) == (4, 0)


@pytest.mark.parametrize("taken_back", ["", "sho", "tell me"])
def test_stable_text_that_is_taken_back_is_a_retraction(taken_back: str) -> None:
    notes = Notes(WORDS, began_s=10.0)
    for before, after in pairwise(("", "show me", taken_back)):
        assert before != after
        notes.hear_partial(11.0, after)
    assert notes.retractions == 1


def test_a_final_that_contradicts_stable_text_is_a_correction() -> None:
    notes = Notes(WORDS, began_s=10.0)
    notes.hear_partial(11.0, "show me")
    notes.hear_final(11.1, "show me it")
    assert notes.corrections == 0
    notes.hear_final(11.2, "tell me it")
    assert notes.corrections == 1
