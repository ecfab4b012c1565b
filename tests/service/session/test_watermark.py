"""Durable messages, which a client need not send again."""

from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.session import events as on
from cedar_voice_service.session.history import UserMessage
from cedar_voice_service.session.resume.durability import Durability
from cedar_voice_service.session.resume.position import Past
from tests.support.machine_driver import MachineDriver
from tests.support.spoken_turns import answering, thinking


def test_audio_of_an_open_turn_is_needed_and_what_came_before_it_is_not() -> None:
    watermark = Durability()
    watermark.handled(1)
    for sequence in range(2, 8):
        watermark.heard(sequence, sequence, 100 * (sequence - 1))
    watermark.settle(needed_from_ms=300)
    assert watermark.durable == 4
    watermark.handled(8)
    watermark.settle(needed_from_ms=300)
    assert watermark.durable == 4
    watermark.settle(needed_from_ms=600)
    assert watermark.durable == 8


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 500)), max_size=40))
def test_it_never_goes_back_nor_beyond_what_was_handled(steps: list[tuple[int, int]]) -> None:
    watermark, heard_ms, before = Durability(), 0, 0
    for sequence, (duration_ms, back_ms) in enumerate(steps, 1):
        heard_ms += duration_ms
        watermark.heard(sequence, sequence, heard_ms)
        watermark.settle(heard_ms - back_ms)
        assert before <= watermark.durable <= sequence
        before = watermark.durable


def test_a_turn_is_needed_until_its_final_words_are_told() -> None:
    driver = MachineDriver()
    driver.pause(3_000)
    driver.speak(1_000)
    turn_from_ms = driver.machine.needs_audio_from_ms
    assert 3_000 - 500 <= turn_from_ms <= 3_000
    driver.pause(600)
    assert driver.machine.needs_audio_from_ms == turn_from_ms  # the recognizer is at work
    driver.let(on.FinalTranscribed(driver.transcribing, "hello there"))
    assert driver.machine.needs_audio_from_ms == 4_500  # the end of the turn


def test_a_cough_over_an_answer_is_not_needed_for_long() -> None:
    driver = MachineDriver()
    answering(driver)
    driver.speak(100)
    assert driver.machine.needs_audio_from_ms < driver.machine.heard_ms
    driver.pause(2_000)
    assert driver.machine.heard_ms - driver.machine.needs_audio_from_ms <= 1_500


def test_a_session_in_place_of_another_numbers_on() -> None:
    past = Past((UserMessage("before"),), last_turn_id=7, last_response_id=4)
    driver = MachineDriver(past=past)
    thinking(driver)
    assert driver.machine.last_turn_id == 8
    assert driver.machine.history.items[0] == UserMessage("before")


def test_what_was_heard_together_is_needed_from_its_first_message_on() -> None:
    watermark = Durability()
    watermark.heard(1, 4, 400)
    watermark.heard(5, 7, 700)
    watermark.settle(400)
    assert watermark.durable == 4
    watermark.settle(700)
    assert watermark.durable == 7
