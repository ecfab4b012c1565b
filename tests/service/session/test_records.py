"""The record of a turn: one for each that was told, and nothing that an engine did is left out."""

from collections.abc import Callable

import pytest

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import FinishReason
from tests.support.machine_driver import MachineDriver
from tests.support.spoken_turns import answering, thinking, transcribed


def paused(driver: MachineDriver) -> None:
    """The user pauses, the recognizer was sent 900 ms and the draft of an answer has two pieces."""
    driver.speak(600)
    driver.pause(200)
    driver.let(on.AudioSent(driver.transcribing, 300), on.AudioSent(driver.transcribing, 600))
    driver.let(on.PartialTranscribed(driver.transcribing, "hello", is_settled=True))
    (draft,) = driver.asked_for(do.StartReplying)
    driver.let(on.ReplyWritten(draft.work_id, "Hi "), on.ReplyWritten(draft.work_id, "you."))


def nothing_understood(driver: MachineDriver) -> None:
    """What was said turns out to be no words."""
    driver.hear(400)
    driver.let(on.FinalTranscribed(driver.transcribing, ""))


def failing(driver: MachineDriver) -> None:
    """The recognizer fails."""
    driver.let(on.TranscriptionFailed(driver.transcribing, EngineError(Stage.STT, "no")))


def hanging(driver: MachineDriver) -> None:
    """The recognizer gives no sign of life."""
    driver.hear(400)
    driver.wait(15_000)


def discarding(driver: MachineDriver) -> None:
    """The client throws the recording away."""
    driver.let(on.ListeningStopped(discard=True))


def beginning_again(driver: MachineDriver) -> None:
    """The client begins another recording."""
    driver.let(on.ListeningStarted())


@pytest.mark.parametrize("end", [nothing_understood, failing, hanging, discarding, beginning_again])
def test_a_turn_without_an_answer_has_a_record_of_what_it_cost(
    end: Callable[[MachineDriver], None],
) -> None:
    driver = MachineDriver()
    paused(driver)
    end(driver)
    (record,) = driver.said_of(msg.TurnMetrics)
    assert driver.said[-1] == record
    assert (record.stt_audio_ms, record.speech_ms) == (900, 600)
    assert (record.drafts, record.dropped_drafts, record.dropped_draft_tokens) == (1, 1, 2)
    assert record.input_audio_ms >= 800
    assert (record.response_latency_ms, record.turn_total_ms) == (None, None)


def test_the_record_of_an_answer_counts_what_was_no_turn_over_it() -> None:
    driver = MachineDriver()
    work_id = answering(driver)
    for text in ("mm-hm", "okay"):
        driver.wait(100)
        driver.speak(300)
        driver.pause(600)
        driver.let(on.AudioSent(driver.transcribing, 400))
        driver.let(on.FinalTranscribed(driver.transcribing, text))
    assert driver.said_of(msg.TurnMetrics) == []
    driver.let(on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))
    driver.wait(5_000)
    (record,) = driver.said_of(msg.TurnMetrics)
    assert (record.stt_audio_ms, record.speech_ms) == (
        800,
        600,
    )  # the question alone is speech of it


def test_all_recognizers_of_a_turn_count() -> None:
    driver = MachineDriver()
    driver.speak(600)
    driver.pause(600)
    driver.let(on.AudioSent(driver.transcribing, 700))
    driver.let(on.FinalTranscribed(driver.transcribing, "turn on"))
    driver.speak(300)
    driver.let(on.AudioSent(driver.transcribing, 300), on.AudioSent(driver.transcribing, 200))
    driver.let(on.TranscriptionFailed(driver.transcribing, EngineError(Stage.STT, "no")))
    (record,) = driver.said_of(msg.TurnMetrics)
    assert record.stt_audio_ms == 1_200


def test_what_was_said_while_the_turn_was_transcribed_counts() -> None:
    driver = MachineDriver()
    driver.speak(600)
    driver.pause(600)
    for _ in range(2):
        driver.speak(300)
        driver.pause(200)
    driver.let(on.FinalTranscribed(driver.transcribing, "turn on"))
    driver.hear(800)
    driver.let(on.TranscriptionFailed(driver.transcribing, EngineError(Stage.STT, "no")))
    (record,) = driver.said_of(msg.TurnMetrics)
    assert record.speech_ms == 600 + 300 + 300


def test_an_answer_that_was_taken_back_counts() -> None:
    driver = MachineDriver()
    work_id = thinking(driver, "turn on")
    driver.let(on.ReplyWritten(work_id, "Turn "), on.ReplyWritten(work_id, "what on?"))
    driver.speak(300)
    driver.pause(800)
    work_id = transcribed(driver, "the light")
    driver.let(on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))
    (record,) = driver.said_of(msg.TurnMetrics)
    assert record.dropped_draft_tokens == 2
