"""Requests of a client beside speech: an answer, a text to be spoken, to be told of silence."""

from collections.abc import Callable

import pytest

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import FinishReason
from cedar_voice_service.session.config import Generation, SessionConfig, TurnDetection
from cedar_voice_service.session.history import AssistantMessage, UserMessage
from cedar_voice_service.session.session import Phase
from cedar_voice_service.session.turns.pending_requests import MAX_TEXTS
from tests.support.machine_driver import MANUAL, MachineDriver
from tests.support.spoken_turns import answering, spoken, thinking, transcribed

SILENT = SessionConfig(turn_detection=TurnDetection(create_response=False))


def recited(driver: MachineDriver, text: str) -> None:
    """The engines speak the text that was asked for last."""
    work_id = driver.asked_for(do.StartSaying)[-1].work_id
    driver.let(
        on.ReplyWritten(work_id, text),
        on.ReplyEnded(work_id, FinishReason.STOP),
        on.SpeechEnded(work_id),
    )


def test_a_text_is_spoken_as_it_is_and_kept() -> None:
    driver = MachineDriver()
    driver.let(on.SpeechRequested("Good morning."))
    assert driver.asked_for(do.StartReplying) == []
    recited(driver, "Good morning.")
    assert driver.machine.history.items == (AssistantMessage("Good morning."),)
    (metrics,) = driver.said_of(msg.TurnMetrics)
    assert metrics.llm_total_ms is None  # no model wrote it
    assert driver.is_in(Phase.IDLE)


def test_a_text_need_not_be_kept() -> None:
    driver = MachineDriver()
    driver.let(on.SpeechRequested("Beep.", is_kept=False))
    recited(driver, "Beep.")
    assert driver.machine.history.items == ()


def test_a_text_waits_for_the_user_to_finish_and_for_the_answer() -> None:
    driver = MachineDriver()
    driver.speak(300)
    driver.let(on.SpeechRequested("By the way."))
    assert driver.asked_for(do.StartSaying) == []
    driver.pause(600)
    work_id = transcribed(driver)
    driver.let(on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))
    (asked,) = driver.asked_for(do.StartSaying)
    assert asked.text == "By the way."
    assert driver.said_of(msg.Interruption) == []


def test_no_more_texts_wait_than_fit() -> None:
    driver = MachineDriver()
    driver.speak(300)
    driver.let(*[on.SpeechRequested("one of many")] * (MAX_TEXTS + 1))
    (failed,) = driver.said_of(msg.Error)
    assert failed.error.code is Code.OVERLOADED


@pytest.mark.parametrize(
    "event", [on.SpeechRequested("Stop."), on.ResponseRequested()], ids=["say", "answer"]
)
def test_what_the_client_wants_replaces_an_answer(event: on.Event) -> None:
    driver = MachineDriver()
    answering(driver)
    driver.let(event)
    (cut,) = driver.said_of(msg.Interruption)
    assert cut.reason is msg.InterruptionReason.NEW_INPUT
    assert driver.said_of(msg.ResponseStarted)[-1] == msg.ResponseStarted(2, "")


def test_an_answer_can_be_asked_for_before_anything_was_said() -> None:
    driver = MachineDriver()
    driver.let(on.ResponseRequested("Greet the user."))
    (asked,) = driver.asked_for(do.StartReplying)
    assert asked.history == ()
    assert asked.config.generation.system_prompt == "Greet the user."
    assert driver.machine.config.generation.system_prompt == ""  # for this response only


def test_a_client_may_want_to_be_asked_before_an_answer() -> None:
    driver = MachineDriver(SILENT)
    thinking(driver, "what time is it")
    assert driver.is_in(Phase.IDLE)
    (metrics,) = driver.said_of(msg.TurnMetrics)
    assert (metrics.endpointing_ms, metrics.response_latency_ms) == (500, None)
    assert driver.asked_for(do.StartReplying) == []
    driver.let(on.ResponseRequested())
    (asked,) = driver.asked_for(do.StartReplying)
    assert asked.history == (UserMessage("what time is it"),)


def test_an_answer_asked_for_while_the_user_speaks_comes_when_the_turn_is_over() -> None:
    driver = MachineDriver(SILENT)
    driver.speak(600)
    driver.let(on.ResponseRequested("Briefly."))
    assert driver.asked_for(do.StartReplying) == []
    driver.pause(600)
    transcribed(driver, "what time is it")
    (asked,) = driver.asked_for(do.StartReplying)
    assert asked.config.generation.system_prompt == "Briefly."


def cough(driver: MachineDriver) -> None:
    """Speech while an answer is asked for; it is no words."""
    driver.speak(600)
    driver.let(on.ResponseRequested("Greet."))
    driver.pause(600)
    transcribed(driver, "")


def silence(driver: MachineDriver) -> None:
    """A recording of silence in which an answer is asked for."""
    driver.let(on.ListeningStarted())
    driver.hear(1_000)
    driver.let(on.ResponseRequested("Greet."), on.ListeningStopped())


def cough_over_an_answer(driver: MachineDriver) -> None:
    """The answer gives way to the one that is asked for; it is no words that were heard over it."""
    driver.let(on.SpeechRequested("Listen."), *spoken(1))
    driver.wait(300)
    driver.speak(300)
    driver.let(on.ResponseRequested("Greet."))
    driver.pause(600)
    transcribed(driver, "")


def failure(driver: MachineDriver) -> None:
    """The recognizer fails at what is said."""
    driver.speak(600)
    driver.let(on.ResponseRequested("Greet."))
    driver.pause(600)
    driver.let(on.TranscriptionFailed(driver.transcribing, EngineError(Stage.STT, "no")))


def discarding(driver: MachineDriver) -> None:
    """The client throws away what is said."""
    driver.speak(600)
    driver.let(on.ResponseRequested("Greet."), on.ListeningStopped(discard=True))


def reopening(driver: MachineDriver) -> None:
    """The user goes on before the answer that was asked for is heard."""
    driver.speak(600)
    driver.let(on.ResponseRequested("Greet."))
    driver.pause(600)
    transcribed(driver, "turn on")
    driver.speak(300)
    driver.pause(800)
    transcribed(driver, "the light")


def second_thoughts(driver: MachineDriver) -> None:
    """An answer is asked for after the one that the user waited for was stopped."""
    driver.speak(600)
    driver.pause(600)
    driver.let(on.InterruptRequested(), on.ResponseRequested("Greet."))
    transcribed(driver, "turn on")


@pytest.mark.parametrize("config", [SILENT, SessionConfig()], ids=["silent", "answering"])
@pytest.mark.parametrize(
    "story",
    [cough, silence, cough_over_an_answer, failure, discarding, reopening, second_thoughts],
)
def test_an_answer_that_is_asked_for_is_given_whatever_becomes_of_the_turn(
    story: Callable[[MachineDriver], None], config: SessionConfig
) -> None:
    driver = MachineDriver(config)
    story(driver)
    assert driver.is_in(Phase.RESPONDING)
    asked = driver.asked_for(do.StartReplying)[-1]
    assert asked.config.generation.system_prompt == "Greet."


def test_it_is_given_after_silence_in_push_to_talk() -> None:
    driver = MachineDriver(MANUAL)
    silence(driver)
    assert driver.is_in(Phase.RESPONDING)


def test_an_answer_that_is_asked_for_takes_the_place_of_the_apology() -> None:
    driver = MachineDriver(SessionConfig(generation=Generation(apology="Sorry.")))
    failure(driver)
    assert driver.asked_for(do.StartSaying) == []


def test_stopping_the_answer_that_is_waited_for_stops_the_one_that_was_asked_for() -> None:
    driver = MachineDriver(SILENT)
    driver.speak(600)
    driver.let(on.ResponseRequested("Greet."))
    driver.pause(600)
    driver.let(on.InterruptRequested())
    transcribed(driver, "turn on")
    assert driver.asked_for(do.StartReplying) == []


def test_an_answer_can_be_stopped_before_it_begins() -> None:
    driver = MachineDriver()
    driver.speak(600)
    driver.pause(200)
    driver.let(on.PartialTranscribed(driver.transcribing, "what time", is_settled=True))
    draft = driver.asked_for(do.StartReplying)[-1].work_id
    driver.hear(400)
    driver.let(on.InterruptRequested())
    assert do.CancelWork(draft) in driver.asked_for(do.CancelWork)
    transcribed(driver, "what time")
    assert driver.said_of(msg.ResponseStarted) == []
    assert driver.machine.history.items == (UserMessage("what time"),)
    assert len(driver.said_of(msg.TurnMetrics)) == 1
    thinking(driver, "what time is it")
    assert len(driver.said_of(msg.ResponseStarted)) == 1  # the next turn is answered


def test_silence_is_told_once_and_counted_from_the_end_of_the_answer() -> None:
    driver = MachineDriver(SessionConfig(turn_detection=TurnDetection(no_input_timeout_ms=3_000)))
    driver.let(on.TextEntered("hi"), *spoken(1, speech_ms=2_000))
    driver.let(on.ReplyEnded(1, FinishReason.STOP), on.SpeechEnded(1))
    driver.wait(4_900)
    assert msg.SpeechKind.NO_INPUT not in kinds(driver)
    driver.wait(20_000)
    assert kinds(driver).count(msg.SpeechKind.NO_INPUT) == 1
    driver.speak(600)
    driver.pause(600)
    transcribed(driver, "")
    driver.wait(3_000)
    assert kinds(driver).count(msg.SpeechKind.NO_INPUT) == 2


def test_speech_after_typed_text_in_the_same_recording_is_heard() -> None:
    driver = MachineDriver(MANUAL)
    driver.let(on.ListeningStarted())
    driver.speak(500)
    driver.let(on.TextEntered("typed"))
    driver.let(*spoken(driver.asked_for(do.StartReplying)[-1].work_id))
    driver.hear(500)
    driver.let(on.ListeningStopped())
    assert driver.is_in(Phase.TRANSCRIBING)


def kinds(driver: MachineDriver) -> list[msg.SpeechKind]:
    """The kinds of speech activity told so far."""
    return [activity.kind for activity in driver.said_of(msg.SpeechActivity)]
