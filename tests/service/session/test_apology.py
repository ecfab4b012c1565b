"""Apologies to the user for a turn that failed."""

from dataclasses import replace

import pytest

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session.answer_parts import FinishReason
from cedar_voice_service.session.config import Generation, SessionConfig
from cedar_voice_service.session.history import UserMessage
from cedar_voice_service.session.session import Phase
from tests.support.machine_driver import MachineDriver
from tests.support.spoken_turns import answering, thinking

SORRY = SessionConfig(generation=Generation(apology="Sorry."))


def recited(driver: MachineDriver) -> list[str]:
    return [command.text for command in driver.asked_for(do.StartSaying)]


def failing_answer(driver: MachineDriver) -> None:
    work_id = thinking(driver)
    driver.let(
        on.ReplyFailed(work_id, EngineError(Stage.LLM, "down")),
        on.SpeechEnded(work_id),
    )


def test_an_answer_that_fails_is_apologized_for_once() -> None:
    driver = MachineDriver(SORRY)
    failing_answer(driver)
    assert recited(driver) == ["Sorry."]
    reciting = driver.asked_for(do.StartSaying)[-1].work_id
    driver.let(
        on.ReplyWritten(reciting, "Sorry."),
        on.ReplyEnded(reciting, FinishReason.STOP, None),
        on.SpeechEnded(reciting),
    )
    assert driver.is_in(Phase.IDLE) and recited(driver) == ["Sorry."]
    assert driver.machine.history.items == (UserMessage("hello there"),)


def test_an_utterance_that_cannot_be_transcribed_is_apologized_for() -> None:
    driver = MachineDriver(SORRY)
    driver.speak(600)
    driver.pause(600)
    driver.let(on.TranscriptionFailed(driver.transcribing, EngineError(Stage.STT, "down")))
    assert recited(driver) == ["Sorry."]


def test_an_engine_that_says_nothing_for_too_long_is_apologized_for() -> None:
    driver = MachineDriver(SORRY)
    thinking(driver)
    driver.wait(20_000)
    assert recited(driver)[0] == "Sorry."


def test_what_was_spoken_of_a_failed_answer_is_heard_first() -> None:
    driver = MachineDriver(SORRY)
    work_id = answering(driver, speech_ms=2_000)
    driver.let(
        on.ReplyFailed(work_id, EngineError(Stage.LLM, "cut")),
        on.SpeechEnded(work_id),
    )
    assert recited(driver) == []
    driver.wait(2_500)
    assert recited(driver) == ["Sorry."]


@pytest.mark.parametrize("stage", [Stage.TTS, Stage.LLM])
def test_failed_speech_is_apologized_for_in_text(stage: Stage) -> None:
    driver = MachineDriver(SORRY)
    work_id = thinking(driver)
    ended = on.ReplyEnded(work_id, FinishReason.STOP, None)
    error = EngineError(stage, "down")
    is_speech = stage is Stage.TTS
    driver.let(
        on.ReplyWritten(work_id, "One."),
        ended if is_speech else on.ReplyFailed(work_id, error),
        on.SpeechFailed(work_id, error) if is_speech else on.SpeechEnded(work_id),
    )
    (reciting,) = driver.asked_for(do.StartSaying)
    assert reciting.config.settings.use_browser_tts is is_speech


def test_an_apology_that_fails_is_not_apologized_for() -> None:
    driver = MachineDriver(SORRY)
    failing_answer(driver)
    reciting = driver.asked_for(do.StartSaying)[-1].work_id
    driver.let(
        on.ReplyEnded(reciting, FinishReason.STOP, None),
        on.SpeechFailed(reciting, EngineError(Stage.TTS, "down")),
    )
    driver.wait(60_000)
    assert recited(driver) == ["Sorry."] and driver.is_in(Phase.IDLE)


def test_who_goes_on_at_once_gets_no_apology() -> None:
    driver = MachineDriver(SORRY)
    work_id = answering(driver, speech_ms=2_000)
    driver.let(
        on.ReplyFailed(work_id, EngineError(Stage.LLM, "cut")),
        on.SpeechEnded(work_id),
        on.TextEntered("never mind"),
    )
    again = driver.asked_for(do.StartReplying)[-1].work_id
    driver.let(on.ReplyEnded(again, FinishReason.STOP, None), on.SpeechEnded(again))
    driver.wait(5_000)
    assert recited(driver) == []


def test_without_an_apology_nothing_more_is_said() -> None:
    driver = MachineDriver(replace(SORRY, generation=Generation()))
    failing_answer(driver)
    assert recited(driver) == [] and driver.is_in(Phase.IDLE)
