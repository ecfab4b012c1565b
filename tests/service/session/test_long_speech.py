"""Speech that is longer than a turn may be: cut into turns, heard as a whole, answered once."""

from dataclasses import replace

import pytest

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import FinishReason
from cedar_voice_service.session.config import SessionConfig, TurnDetection, TurnMode
from cedar_voice_service.session.history import UserMessage
from cedar_voice_service.session.session import Phase
from cedar_voice_service.session.turns.barge_in import CERTAIN_SPEECH_MS
from tests.support.machine_driver import MachineDriver
from tests.support.spoken_turns import spoken, thinking, transcribed

SHORT = TurnDetection(max_utterance_ms=5_000)
OPEN = SessionConfig(turn_detection=SHORT)
PUSH_TO_TALK = SessionConfig(turn_detection=replace(SHORT, mode=TurnMode.MANUAL))
BOTH = pytest.mark.parametrize("config", [OPEN, PUSH_TO_TALK], ids=["open", "push to talk"])


def long_speech(config: SessionConfig, speech_ms: int = 5_200) -> MachineDriver:
    """Somebody speaks for longer than a turn may be, and goes on."""
    driver = MachineDriver(config)
    driver.let(on.ListeningStarted())
    driver.speak(speech_ms)
    assert driver.is_in(Phase.TRANSCRIBING)
    return driver


def told(driver: MachineDriver) -> list[tuple[str, bool]]:
    """What the finals say, and whether the user goes on after them."""
    finals = [said for said in driver.said_of(msg.Transcription) if said.is_final]
    return [(said.text, said.continues) for said in finals]


@BOTH
def test_speech_goes_on_in_the_next_turn_and_is_answered_when_it_is_over(
    config: SessionConfig,
) -> None:
    driver = long_speech(config)
    transcribed(driver, "first part")
    assert driver.is_in(Phase.LISTENING)
    driver.hear(2_000)
    assert driver.asked_for(do.StartReplying) == []
    driver.let(on.ListeningStopped()) if config is PUSH_TO_TALK else driver.pause(600)
    transcribed(driver, "and the rest")
    assert told(driver) == [("first part", True), ("and the rest", False)]
    begun = [command.from_ms for command in driver.asked_for(do.StartTranscribing)]
    assert begun == [0, 5_000]  # nothing is heard twice, and nothing is left out
    (asked,) = driver.asked_for(do.StartReplying)
    assert asked.history == (UserMessage("first part"), UserMessage("and the rest"))
    assert {send.turn_id for send in driver.sends()} == {1, 2}


@BOTH
def test_a_rest_without_words_has_the_words_before_it_answered(config: SessionConfig) -> None:
    driver = long_speech(config)
    transcribed(driver, "first part")
    driver.hear(300)
    driver.let(on.ListeningStopped()) if config is PUSH_TO_TALK else driver.pause(600)
    transcribed(driver, "")
    (asked,) = driver.asked_for(do.StartReplying)
    assert asked.history == (UserMessage("first part"),)


@BOTH
@pytest.mark.parametrize(
    ("spoken_until_ms", "rest_ms"), [(4_950, 0), (5_000, 0), (5_080, 80), (5_100, 100)]
)
@pytest.mark.parametrize("is_transcribed_first", [True, False])
def test_all_speech_is_counted_once(
    config: SessionConfig, spoken_until_ms: int, rest_ms: int, *, is_transcribed_first: bool
) -> None:
    """The ear tells late that speech has ended, before the rest of it is a turn or after that."""
    driver = long_speech(config, 5_100)
    if is_transcribed_first:
        transcribed(driver, "first part")
    driver.hear(600, on.SpeechStopped(spoken_until_ms))
    if not is_transcribed_first:
        transcribed(driver, "first part")
    driver.let(on.ListeningStopped())
    transcribed(driver, "and the rest")
    driver.let(on.InterruptRequested())
    counted = [record.speech_ms for record in driver.said_of(msg.TurnMetrics)]
    assert counted[0] == 5_000
    assert sum(counted[1:]) == rest_ms


def test_no_answer_is_given_for_a_client_that_asks_for_answers_itself() -> None:
    detection = replace(SHORT, create_response=False)
    driver = long_speech(SessionConfig(turn_detection=detection))
    transcribed(driver, "first part")
    driver.pause(600)
    transcribed(driver, "")
    assert driver.asked_for(do.StartReplying) == []


def test_speech_that_ends_with_the_turn_is_answered_at_once() -> None:
    driver = long_speech(OPEN, 5_000)
    driver.hear(200, on.SpeechStopped(4_950))
    transcribed(driver, "all of it")
    assert told(driver) == [("all of it", False)]
    assert driver.is_in(Phase.RESPONDING)


def test_audio_that_stops_coming_within_speech_begins_no_turn_after_turn() -> None:
    driver = MachineDriver()
    driver.speak(800)
    driver.wait(1_000)
    transcribed(driver, "hello")
    driver.let(on.ReplyEnded(2, FinishReason.STOP), on.SpeechEnded(2))
    driver.wait(60_000)
    assert driver.is_in(Phase.IDLE)
    assert len(driver.asked_for(do.StartTranscribing)) == 1


def test_speech_that_goes_on_after_audio_was_missing_is_heard() -> None:
    driver = MachineDriver()
    driver.speak(800)
    driver.wait(1_000)
    work_id = transcribed(driver, "hello")
    driver.let(*spoken(work_id, 20_000))
    driver.wait(500)
    driver.hear(2_000)  # in mid-speech: the ear tells no new beginning
    assert len(driver.said_of(msg.Interruption)) == 1
    assert driver.is_in(Phase.LISTENING)


def test_a_recognizer_that_ends_within_speech_leaves_the_rest_to_another() -> None:
    driver = MachineDriver()
    driver.speak(800)
    driver.let(on.FinalTranscribed(driver.transcribing, "first"))
    driver.hear(800)
    assert [command.from_ms for command in driver.asked_for(do.StartTranscribing)] == [0, 800]
    driver.pause(600)
    transcribed(driver, "second")
    assert driver.machine.history.items == (UserMessage("first second"),)


def test_who_speaks_on_after_typing_interrupts_as_any_speech_does() -> None:
    driver = MachineDriver()
    driver.speak(1_500)
    driver.let(on.TextEntered("typed"), *spoken(2, 20_000))
    driver.hear(CERTAIN_SPEECH_MS - 100)
    assert driver.said_of(msg.Interruption) == []
    driver.hear(200)
    (cut,) = driver.said_of(msg.Interruption)
    assert cut.reason is msg.InterruptionReason.USER_SPEECH


# -- push to talk ----------------------------------------------------------------------------------


def test_a_recording_that_ends_while_its_first_turn_is_transcribed_is_heard_to_its_end() -> None:
    driver = long_speech(PUSH_TO_TALK, 8_000)
    driver.let(on.SpeechStopped(driver.heard_ms), on.ListeningStopped())
    transcribed(driver, "first part")
    assert driver.is_in(Phase.TRANSCRIBING)
    assert driver.asked_for(do.FinishTranscribing)[-1].work_id == driver.transcribing
    transcribed(driver, "and the rest")
    assert told(driver) == [("first part", True), ("and the rest", False)]
    assert driver.is_in(Phase.RESPONDING)
    driver.hear(500)
    assert driver.said_of(msg.Interruption) == []  # this is another recording


def test_a_rest_that_is_discarded_is_not_heard() -> None:
    driver = long_speech(PUSH_TO_TALK, 8_000)
    driver.let(on.SpeechStopped(driver.heard_ms), on.ListeningStopped(discard=True))
    transcribed(driver, "first part")
    assert told(driver) == [("first part", False)]
    assert driver.is_in(Phase.RESPONDING)


def test_silence_after_the_longest_turn_is_no_speech_that_goes_on() -> None:
    driver = long_speech(PUSH_TO_TALK, 5_000)
    driver.pause(1_000)
    driver.let(on.ListeningStopped())
    transcribed(driver, "all of it")
    assert told(driver) == [("all of it", False)]
    assert driver.is_in(Phase.RESPONDING)


def test_who_speaks_on_after_a_pause_at_the_bound_is_heard_when_they_stop() -> None:
    driver = long_speech(PUSH_TO_TALK, 5_000)
    driver.pause(500)
    driver.let(*spoken(transcribed(driver, "first part"), 20_000))
    driver.speak(1_000)
    driver.let(on.SpeechStopped(driver.heard_ms), on.ListeningStopped())
    assert driver.is_in(Phase.TRANSCRIBING)
    assert driver.asked_for(do.StartTranscribing)[-1].from_ms <= 5_500


def test_who_presses_again_before_the_words_are_there_is_heard() -> None:
    driver = MachineDriver(PUSH_TO_TALK)
    for _ in range(2):
        driver.speak(1_000)
        driver.let(on.SpeechStopped(driver.heard_ms), on.ListeningStopped())
    transcribed(driver, "first part")
    assert driver.is_in(Phase.TRANSCRIBING)
    transcribed(driver, "and more")
    (asked,) = driver.asked_for(do.StartReplying)
    assert asked.history == (UserMessage("first part"), UserMessage("and more"))


def test_what_a_client_sends_after_it_stopped_is_no_rest_of_the_recording() -> None:
    driver = MachineDriver(PUSH_TO_TALK)
    driver.speak(2_000)
    driver.let(on.SpeechStopped(driver.heard_ms), on.ListeningStopped())
    driver.speak(500)
    transcribed(driver, "all of it")
    assert driver.is_in(Phase.RESPONDING)


def test_who_talks_over_an_answer_for_longer_than_a_turn_is_heard_from_the_first_word() -> None:
    driver = MachineDriver(PUSH_TO_TALK)
    driver.let(on.TextEntered("hi"), on.ReplyWritten(1, "A very long answer."))
    driver.hear(2_000)
    driver.speak(7_000)
    (cut,) = driver.said_of(msg.Interruption)
    assert cut.reason is msg.InterruptionReason.NEW_INPUT
    (begun,) = driver.asked_for(do.StartTranscribing)
    assert begun.from_ms == 2_000 - SHORT.prefix_padding_ms


@BOTH
def test_a_rest_is_heard_though_the_words_before_it_cannot_be_transcribed(
    config: SessionConfig,
) -> None:
    driver = long_speech(config, 8_000)
    driver.let(on.SpeechStopped(driver.heard_ms), on.ListeningStopped())
    failed = EngineError(Stage.STT, "no")
    driver.let(on.TranscriptionFailed(driver.transcribing, failed))
    assert driver.asked_for(do.StartTranscribing)[-1].from_ms == 5_000
    transcribed(driver, "and the rest")
    assert told(driver) == [("and the rest", False)]
    driver.let(on.TextEntered("next"), on.AudioAdvanced(driver.heard_ms + 100))
    assert len(driver.asked_for(do.StartTranscribing)) == 2


@BOTH
def test_the_audio_of_what_may_be_heard_yet_is_kept(config: SessionConfig) -> None:
    driver = long_speech(config, 8_000)
    assert driver.machine.keep_audio_from_ms == 5_000
    transcribed(driver, "first part")
    assert driver.machine.keep_audio_from_ms > 5_000  # it is taken


def test_what_cannot_be_kept_is_told() -> None:
    driver = long_speech(PUSH_TO_TALK, 16_000)
    transcribed(driver, "first part")
    (failed,) = driver.said_of(msg.Error)
    assert failed.error.code is Code.OVERLOADED
    assert driver.asked_for(do.StartTranscribing)[-1].from_ms == 6_000


def test_a_turn_within_its_bounds_goes_on_as_before() -> None:
    driver = MachineDriver(OPEN)
    thinking(driver, "turn on")
    driver.speak(300)
    driver.pause(800)
    transcribed(driver, "the light")
    assert driver.machine.history.items == (UserMessage("turn on the light"),)
