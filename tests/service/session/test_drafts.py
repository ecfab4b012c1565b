"""Answers begun before the turn is over: kept only if they fit, and never seen before."""

import pytest

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import Action, FinishReason, SpokenChunk
from cedar_voice_service.session.config import Generation, SessionConfig, TurnDetection
from cedar_voice_service.session.config_patch import ConfigPatch
from cedar_voice_service.session.session import Phase
from cedar_voice_service.session.turns.draft import MAX_DRAFTS
from tests.support.machine_driver import MachineDriver
from tests.support.spoken_turns import MP3, spoken


def drafting(text: str = "hello there") -> tuple[MachineDriver, int]:
    """A turn whose speech paused, and the work of the draft that answers it."""
    driver = MachineDriver()
    driver.speak(600)
    driver.pause(200)
    driver.let(on.PartialTranscribed(driver.transcribing, text, is_settled=True))
    return driver, driver.asked_for(do.StartReplying)[-1].work_id


def finished(driver: MachineDriver, text: str) -> None:
    """The turn ends with these words."""
    driver.pause(400)
    driver.let(on.FinalTranscribed(driver.transcribing, text))


def test_a_draft_with_the_final_words_is_the_answer() -> None:
    driver, work_id = drafting("Hello there")
    driver.let(*spoken(work_id))
    finished(driver, "hello, there!")
    assert len(driver.asked_for(do.StartReplying)) == 1
    assert driver.said_of(msg.ResponseStarted) == [msg.ResponseStarted(1, "hello, there!")]
    assert [delta.text for delta in driver.said_of(msg.ResponseDelta)] == ["One two three four."]
    assert [speech.data for speech in driver.said_of(msg.OutputAudio)] == [b"mp3"]
    driver.let(on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))
    driver.wait(3_000)
    (metrics,) = driver.said_of(msg.TurnMetrics)
    assert (metrics.response_latency_ms, metrics.drafts, metrics.dropped_drafts) == (0, 1, 0)


def test_nothing_of_a_draft_is_said_before_the_turn_is_over() -> None:
    driver, work_id = drafting()
    action = Action("a", "t", "{}", "", "", "[]")
    driver.let(*spoken(work_id), on.ToolCalled(work_id, "call-1", action))
    driver.hear(200)
    driver.wait(200)
    assert driver.said_of(msg.ResponseStarted) == []
    assert driver.said_of(msg.OutputAudio) == []
    assert driver.said_of(msg.ActionRequested) == []
    finished(driver, "hello there")
    assert driver.said_of(msg.ActionRequested) == [msg.ActionRequested(1, action)]


def test_the_audio_of_a_draft_is_heard_from_the_end_of_the_turn_on() -> None:
    driver, work_id = drafting()
    driver.let(*spoken(work_id))
    driver.let(on.SpeechSynthesized(work_id, (SpokenChunk(b"more", 2_000, 500),), MP3))
    finished(driver, "hello there")
    driver.wait(100)
    driver.let(on.InterruptRequested())
    (cut,) = driver.said_of(msg.Interruption)
    assert cut.heard_ms == 100


def test_a_draft_is_dropped_when_more_is_said() -> None:
    driver, work_id = drafting()
    driver.let(on.ReplyWritten(work_id, "Hi "), on.ReplyWritten(work_id, "you."))
    driver.speak(300)
    driver.let(on.PartialTranscribed(driver.transcribing, "hello there friend"))
    assert driver.asked_for(do.CancelWork) == [do.CancelWork(work_id)]
    finished(driver, "hello there friend")
    assert driver.said_of(msg.ResponseDelta) == []
    newest = driver.asked_for(do.StartReplying)[-1].work_id
    driver.let(on.ReplyEnded(newest, FinishReason.STOP), on.SpeechEnded(newest))
    (metrics,) = driver.said_of(msg.TurnMetrics)
    assert (metrics.drafts, metrics.dropped_drafts, metrics.dropped_draft_tokens) == (1, 1, 2)


@pytest.mark.parametrize(
    "patch",
    [
        ConfigPatch(replaced={"context_json": '{"page": 2}'}),
        ConfigPatch(generation={"system_prompt": "Be brief."}),
        ConfigPatch(settings={"language": "de-DE"}),
    ],
    ids=["context", "instructions", "language"],
)
def test_a_draft_of_another_configuration_is_not_the_answer(patch: ConfigPatch) -> None:
    driver, work_id = drafting()
    driver.let(on.Configured(patch))
    finished(driver, "hello there")
    assert do.CancelWork(work_id) in driver.asked_for(do.CancelWork)
    replies = driver.asked_for(do.StartReplying)
    assert len(replies) == 2 and replies[-1].config == driver.machine.config


def test_a_draft_that_fails_is_tried_again_when_the_turn_is_over() -> None:
    driver, work_id = drafting()
    driver.let(on.ReplyFailed(work_id, EngineError(Stage.LLM, "no")))
    finished(driver, "hello there")
    assert driver.said_of(msg.Error) == []
    assert len(driver.asked_for(do.StartReplying)) == 2


def test_drafts_of_a_turn_are_limited() -> None:
    driver = MachineDriver()
    words = ""
    for count in range(MAX_DRAFTS + 2):
        driver.speak(300)
        driver.pause(200)
        words += f"word{count} "
        driver.let(on.PartialTranscribed(driver.transcribing, words, is_settled=True))
    assert len(driver.asked_for(do.StartReplying)) == MAX_DRAFTS


def test_the_same_words_at_a_second_pause_keep_the_draft() -> None:
    driver, _ = drafting()
    driver.let(on.PartialTranscribed(driver.transcribing, "Hello there.", is_settled=True))
    assert len(driver.asked_for(do.StartReplying)) == 1
    assert driver.asked_for(do.CancelWork) == []


@pytest.mark.parametrize(
    "config",
    [
        SessionConfig(generation=Generation(draft_replies=False)),
        SessionConfig(turn_detection=TurnDetection(create_response=False)),
    ],
    ids=["not wanted", "no answer wanted"],
)
def test_no_draft_is_begun_where_none_is_wanted(config: SessionConfig) -> None:
    driver = MachineDriver(config)
    driver.speak(600)
    driver.pause(200)
    driver.let(on.PartialTranscribed(driver.transcribing, "hello", is_settled=True))
    assert driver.asked_for(do.StartReplying) == []


def test_no_draft_is_begun_on_words_that_are_old_already() -> None:
    driver = MachineDriver()
    driver.speak(600)
    driver.pause(100)
    driver.speak(300)  # the user went on before the recognizer was done with the pause
    driver.let(on.PartialTranscribed(driver.transcribing, "hello", is_settled=True))
    driver.let(on.ListeningStopped())  # and what is uploaded at once ends before it is understood
    driver.let(on.PartialTranscribed(driver.transcribing, "hello there", is_settled=True))
    assert driver.asked_for(do.StartReplying) == []


def test_a_recognizer_that_hangs_takes_the_draft_along() -> None:
    driver, work_id = drafting()
    driver.pause(600)
    driver.wait(15_000)
    assert do.CancelWork(work_id) in driver.asked_for(do.CancelWork)
    assert driver.is_in(Phase.IDLE)


def test_discarding_the_turn_discards_its_draft() -> None:
    driver, work_id = drafting()
    driver.let(on.ListeningStopped(discard=True))
    assert do.CancelWork(work_id) in driver.asked_for(do.CancelWork)
    assert driver.is_in(Phase.IDLE)
