"""Numbers of a page and of everybody else in one sequence."""

from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_bridge.translation.numbering import MAX_NUMBER, number_in, sequence_of

NUMBERS = st.integers(1, MAX_NUMBER)


@given(NUMBERS, st.integers(0, 1_000_000))
def test_what_others_say_after_a_frame_hides_it_from_nobody(number: int, others: int) -> None:
    assert number_in(sequence_of(number) + others) == number
    assert number_in(sequence_of(number) - 1) == number - 1


@given(NUMBERS)
def test_a_place_fits_the_contract_and_comes_after_what_others_said(number: int) -> None:
    assert sequence_of(number - 1) + 1_000_000 < sequence_of(number) < 1 << 64
