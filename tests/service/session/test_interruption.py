"""Speech over an answer: held, then understood, then let go on or cut off."""

from dataclasses import replace

import pytest

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import Action, FinishReason, SpokenChunk
from cedar_voice_service.session.config import (
    OutputAudio,
    SessionConfig,
    TurnDetection,
    VoiceSettings,
)
from cedar_voice_service.session.history import AssistantMessage, ToolOutcome, UserMessage
from cedar_voice_service.session.response.playout import MAX_LATENESS_MS
from cedar_voice_service.session.session import Phase
from cedar_voice_service.session.turns.barge_in import (
    CERTAIN_SPEECH_MS,
    LONGEST_HOLD_MS,
    Verdict,
    classify,
)
from tests.support.machine_driver import MachineDriver
from tests.support.spoken_turns import MP3, answering, spoken, thinking, transcribed

HOLDING = SessionConfig(output_audio=OutputAudio(max_lead_ms=300, supports_hold=True))
HELD = msg.PlaybackHold(1, held=True)
RELEASED = msg.PlaybackHold(1, held=False)


def spoken_over(config: SessionConfig = HOLDING, *, speech_ms: int = 300) -> MachineDriver:
    """An answer that was heard for half a second, and speech over it that goes on."""
    driver = MachineDriver(config)
    answering(driver)
    driver.wait(500)
    driver.speak(speech_ms)
    return driver


def stop(driver: MachineDriver) -> None:
    """The recognizer is certain of a word."""
    driver.let(on.PartialTranscribed(driver.transcribing, "stop", stable_text="stop"))


@pytest.mark.parametrize(
    ("text", "is_complete", "verdict"),
    [
        ("Stop!", False, Verdict.INTERRUPTION),
        ("no", True, Verdict.INTERRUPTION),
        ("Yeah, but what about", False, Verdict.INTERRUPTION),
        ("Mm-hm.", True, Verdict.BACKCHANNEL),
        ("I see, okay.", True, Verdict.BACKCHANNEL),
        ("MHM", False, Verdict.UNDECIDED),
        ("", False, Verdict.UNDECIDED),
        ("", True, Verdict.BACKCHANNEL),
        ("停", False, Verdict.INTERRUPTION),
    ],
)
def test_words_tell_an_interruption(text: str, is_complete: bool, verdict: Verdict) -> None:
    assert classify(text, is_complete=is_complete) is verdict


def test_speech_over_an_answer_holds_it_first() -> None:
    driver = spoken_over()
    assert driver.said_of(msg.PlaybackHold) == [HELD]
    assert driver.said_of(msg.Interruption) == []
    assert driver.is_in(Phase.RESPONDING)


def test_no_audio_is_sent_while_the_answer_is_held() -> None:
    driver = spoken_over()
    sent = len(driver.said_of(msg.OutputAudio))
    driver.let(on.SpeechSynthesized(2, (SpokenChunk(b"more", 2_000, 500),), MP3))
    driver.hear(500)
    assert len(driver.said_of(msg.OutputAudio)) == sent


@pytest.mark.parametrize("text", ["", "mm-hm", "Okay."])
def test_a_hum_lets_the_answer_go_on_and_is_no_turn(text: str) -> None:
    driver = spoken_over()
    driver.pause(200)
    driver.let(on.PartialTranscribed(driver.transcribing, text, is_settled=True))
    assert driver.said_of(msg.PlaybackHold) == [HELD, RELEASED]
    assert driver.asked_for(do.CancelWork) == [do.CancelWork(driver.transcribing)]
    assert [said.text for said in driver.said_of(msg.Transcription)] == ["hello there"]
    driver.let(on.ReplyEnded(2, FinishReason.STOP), on.SpeechEnded(2))
    driver.wait(10_000)
    assert driver.machine.history.items[-1] == AssistantMessage("One two three four.")


def test_a_hum_that_is_understood_when_the_user_speaks_again_does_not_hide_what_follows() -> None:
    driver = spoken_over()
    driver.pause(200)
    driver.speak(100)
    driver.let(on.PartialTranscribed(driver.transcribing, "mm-hm", is_settled=True))
    assert driver.said_of(msg.Interruption) == []
    driver.hear(CERTAIN_SPEECH_MS)
    assert len(driver.said_of(msg.Interruption)) == 1
    assert driver.is_in(Phase.LISTENING)


def test_the_next_turn_after_a_hum_has_the_next_number() -> None:
    driver = spoken_over()
    driver.pause(200)
    driver.let(on.FinalTranscribed(driver.transcribing, "mm-hm"))
    driver.speak(300)
    stop(driver)
    assert {send.turn_id for send in driver.sends()} == {1, 2}


def test_words_cut_the_answer_off() -> None:
    driver = spoken_over()
    stop(driver)
    (cut,) = driver.said_of(msg.Interruption)
    assert cut.reason is msg.InterruptionReason.USER_SPEECH
    assert do.CancelWork(2) in driver.asked_for(do.CancelWork)
    assert driver.is_in(Phase.LISTENING)
    driver.pause(600)
    transcribed(driver, "stop it")
    assert driver.machine.history.items == (
        UserMessage("hello there"),
        AssistantMessage("One", interrupted=True),
        UserMessage("stop it"),
    )


def test_the_final_words_of_a_recognizer_without_partials_cut_it_too() -> None:
    driver = spoken_over()
    driver.pause(600)
    driver.let(on.FinalTranscribed(driver.transcribing, "stop"))
    assert len(driver.said_of(msg.Interruption)) == 1
    started = driver.said_of(msg.ResponseStarted)[-1]
    assert started == msg.ResponseStarted(2, "stop")


def test_unstable_words_do_not_cut_while_stable_ones_are_only_a_hum() -> None:
    driver = spoken_over()
    work_id = driver.transcribing
    driver.let(on.PartialTranscribed(work_id, "okay so", stable_text="okay"))
    assert driver.said_of(msg.Interruption) == []


@pytest.mark.parametrize(
    ("second", "cuts"),
    [
        (on.PartialTranscribed(3, "thank you"), 1),
        (on.PartialTranscribed(3, "think of"), 1),
        (on.PartialTranscribed(3, "thank you", stable_text="thank"), 1),
        (on.PartialTranscribed(3, "mm"), 0),
        (on.PartialTranscribed(3, "mm-hm", is_settled=True), 0),
        (on.FinalTranscribed(3, "mm-hm"), 0),
    ],
)
def test_a_first_guess_at_words_does_not_cut_a_second_or_a_stable_one_does(
    second: on.WorkEvent, cuts: int
) -> None:
    driver = spoken_over()
    assert driver.transcribing == 3
    driver.let(on.PartialTranscribed(3, "thank you"))
    assert driver.said_of(msg.Interruption) == []
    driver.pause(200)
    driver.let(second)
    assert len(driver.said_of(msg.Interruption)) == cuts


def test_guesses_that_a_hum_comes_between_are_not_two_in_a_row() -> None:
    driver = spoken_over()
    for text in ("thank you", "mm", "thank you"):
        driver.let(on.PartialTranscribed(driver.transcribing, text))
    assert driver.said_of(msg.Interruption) == []


@pytest.mark.parametrize("speech_ms", [200, 400, 800])
def test_a_cough_that_holds_the_answer_does_not_cut_it(speech_ms: int) -> None:
    driver = spoken_over(speech_ms=speech_ms)
    assert driver.said_of(msg.PlaybackHold) == [HELD]
    driver.pause(700)
    driver.let(on.FinalTranscribed(driver.transcribing, ""))
    assert driver.said_of(msg.PlaybackHold) == [HELD, RELEASED]
    assert driver.said_of(msg.Interruption) == []
    assert {send.turn_id for send in driver.sends()} == {1}


def test_speech_too_long_for_a_hum_cuts_without_words() -> None:
    driver = spoken_over(speech_ms=CERTAIN_SPEECH_MS)
    assert len(driver.said_of(msg.Interruption)) == 1
    assert driver.is_in(Phase.LISTENING)


def test_an_answer_is_never_held_for_ever() -> None:
    driver = spoken_over()
    driver.pause(200)
    driver.wait(LONGEST_HOLD_MS)
    assert driver.said_of(msg.PlaybackHold)[-1] == RELEASED
    assert driver.is_in(Phase.RESPONDING)
    driver.let(on.FinalTranscribed(driver.transcribing, "stop"))
    assert len(driver.said_of(msg.Interruption)) == 1


def test_a_recognizer_that_fails_over_an_answer_lets_it_go_on() -> None:
    driver = spoken_over()
    driver.pause(200)
    driver.let(on.TranscriptionFailed(driver.transcribing, EngineError(Stage.STT, "no")))
    assert driver.said_of(msg.PlaybackHold)[-1] == RELEASED
    assert len(driver.said_of(msg.Error)) == 1


def test_a_recognizer_that_fails_within_a_cough_lets_the_answer_go_on() -> None:
    driver = spoken_over()
    driver.let(on.TranscriptionFailed(driver.transcribing, EngineError(Stage.STT, "no")))
    driver.pause(200)
    assert driver.said_of(msg.PlaybackHold) == [HELD, RELEASED]
    assert {send.turn_id for send in driver.sends()} == {0, 1}


def test_speech_too_long_for_a_cough_cuts_also_when_its_recognizer_has_failed() -> None:
    driver = spoken_over()
    driver.let(on.TranscriptionFailed(driver.transcribing, EngineError(Stage.STT, "no")))
    driver.hear(CERTAIN_SPEECH_MS)
    assert len(driver.said_of(msg.Interruption)) == 1
    (failed,) = [send for send in driver.sends() if isinstance(send.message, msg.Error)]
    assert failed.turn_id == 2
    assert driver.is_in(Phase.IDLE)


def test_a_client_that_pauses_has_not_heard_what_it_did_not_play() -> None:
    driver = spoken_over()  # 800 ms after the first audio, held for the last 100
    driver.wait(400)
    stop(driver)
    (cut,) = driver.said_of(msg.Interruption)
    assert cut.heard_ms == 700


def test_a_client_that_cannot_pause_plays_on_while_it_is_decided() -> None:
    config = replace(HOLDING, output_audio=OutputAudio(max_lead_ms=300))
    driver = spoken_over(config)
    assert driver.said_of(msg.PlaybackHold) == []
    driver.wait(400)
    stop(driver)
    (cut,) = driver.said_of(msg.Interruption)
    assert cut.heard_ms == 1_200


def test_what_the_client_reports_as_played_is_what_was_heard() -> None:
    driver = MachineDriver(HOLDING)
    answering(driver, speech_ms=4_000)
    driver.wait(1_500)
    driver.let(on.PlaybackReported(1, 1_000))
    driver.wait(100)
    driver.let(on.InterruptRequested())
    (cut,) = driver.said_of(msg.Interruption)
    assert (cut.heard_ms, cut.kept_text) == (1_100, "One")
    metrics = driver.said_of(msg.TurnMetrics)[-1]
    assert metrics.first_heard_ms == 500 + (metrics.response_latency_ms or 0)


def test_a_player_that_has_not_begun_has_let_nothing_be_heard() -> None:
    driver = MachineDriver(HOLDING)
    answering(driver)
    driver.wait(500)
    driver.let(on.PlaybackReported(1, 0), on.InterruptRequested())
    assert driver.said_of(msg.Interruption)[0].heard_ms == 0
    assert driver.said_of(msg.TurnMetrics)[-1].first_heard_ms is None


def test_a_player_that_stands_still_is_waited_for() -> None:
    driver = MachineDriver(HOLDING)
    work_id = answering(driver)
    driver.let(on.SpeechSynthesized(work_id, (SpokenChunk(b"more", 2_000, 500),), MP3))
    for _ in range(20):
        driver.let(on.PlaybackReported(1, 100))  # somebody has stopped it
        driver.wait(1_000)
    assert driver.said_of(msg.Error) == []
    assert driver.is_in(Phase.RESPONDING)


@pytest.mark.parametrize("is_written", [True, False])
@pytest.mark.parametrize("every_ms", [100, 1_000, 14_000])
def test_a_player_that_reports_the_same_for_ever_keeps_nothing_waiting_for_ever(
    is_written: bool, every_ms: int
) -> None:
    driver = MachineDriver(HOLDING)
    work_id = answering(driver)
    driver.let(on.SpeechSynthesized(work_id, (SpokenChunk(b"more", 2_000, 500),), MP3))
    if is_written:
        driver.let(on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))
    for _ in range(0, MAX_LATENESS_MS + 20_000, every_ms):
        driver.let(on.PlaybackReported(1, 100))
        driver.wait(every_ms)
    assert driver.is_in(Phase.IDLE)
    assert len(driver.said_of(msg.Error)) == (not is_written)


def test_a_player_that_lags_is_waited_for() -> None:
    driver = MachineDriver(HOLDING)
    work_id = answering(driver, speech_ms=1_000)
    driver.let(on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))
    driver.wait(900)
    driver.let(on.PlaybackReported(1, 100))
    driver.wait(800)
    assert driver.is_in(Phase.RESPONDING)
    driver.wait(100)
    assert driver.is_in(Phase.IDLE)


def heard_to_the_end(config: SessionConfig = HOLDING) -> MachineDriver:
    """An answer of 2 s that is over by the clock."""
    driver = MachineDriver(config)
    work_id = answering(driver)
    driver.let(on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))
    driver.wait(2_500)
    assert driver.is_in(Phase.IDLE)
    return driver


def test_a_client_that_plays_late_tells_what_was_heard_of_an_answer_that_is_over() -> None:
    driver = heard_to_the_end()
    said = len(driver.said)
    driver.let(on.InterruptRequested(1, played_ms=800))
    assert driver.machine.history.items == (
        UserMessage("hello there"),
        AssistantMessage("One two", interrupted=True),
    )
    assert len(driver.said) == said  # the record of the turn was its last word


def test_reports_of_an_answer_that_is_over_tell_how_far_its_client_is() -> None:
    driver = heard_to_the_end()
    driver.let(on.PlaybackReported(1, 600))
    driver.wait(200)
    driver.let(on.InterruptRequested(1))
    assert driver.machine.history.items[-1] == AssistantMessage("One two", interrupted=True)


@pytest.mark.parametrize(
    "event",
    [
        on.InterruptRequested(1),
        on.InterruptRequested(1, played_ms=1_900),
        on.InterruptRequested(1, played_ms=9_000),
        on.InterruptRequested(played_ms=0),  # of whichever is in progress, and none is
        on.InterruptRequested(7, played_ms=0),
    ],
)
def test_an_answer_that_was_heard_to_its_end_stays_whole(event: on.InterruptRequested) -> None:
    driver = heard_to_the_end()
    driver.let(event)
    assert driver.machine.history.items[-1] == AssistantMessage("One two three four.")


def test_nothing_stays_of_an_answer_that_a_late_client_never_played() -> None:
    driver = heard_to_the_end()
    driver.let(on.TextEntered("and now?"), on.InterruptRequested(2, played_ms=0))
    driver.let(on.InterruptRequested(1, played_ms=0))
    assert AssistantMessage("One two three four.") in driver.machine.history.items  # it is past
    driver = heard_to_the_end()
    driver.let(on.InterruptRequested(1, played_ms=0))
    assert driver.machine.history.items == (UserMessage("hello there"),)


@pytest.mark.parametrize("is_over", [True, False])
@pytest.mark.parametrize(
    ("played_ms", "item"),
    [
        (None, AssistantMessage("One two three four.")),
        (300, AssistantMessage("One two", interrupted=True)),
        (60_000, AssistantMessage("One two three four.")),
    ],
)
def test_what_a_client_speaks_by_itself_is_kept_as_far_as_it_tells(
    is_over: bool, played_ms: int | None, item: AssistantMessage
) -> None:
    driver = MachineDriver(SessionConfig(settings=VoiceSettings(use_browser_tts=True, rate=1.6)))
    work_id = thinking(driver)
    driver.let(on.ReplyWritten(work_id, "One two three four."))
    if is_over:
        driver.let(on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))
        assert driver.is_in(Phase.IDLE)
    driver.let(on.InterruptRequested(1, played_ms=played_ms))
    assert driver.machine.history.items[-1] == replace(
        item, interrupted=item.interrupted or not is_over
    )


def test_the_text_of_an_answer_that_never_sounded_stays() -> None:
    driver = MachineDriver(HOLDING)
    work_id = thinking(driver)
    driver.let(on.ReplyWritten(work_id, "One two."), on.ReplyEnded(work_id, FinishReason.STOP))
    driver.let(on.SpeechFailed(work_id, EngineError(Stage.TTS, "no voice")))
    assert driver.is_in(Phase.IDLE)
    driver.let(on.InterruptRequested(1, played_ms=0))
    assert driver.machine.history.items[-1] == AssistantMessage("One two.")


def test_actions_of_an_answer_that_is_shortened_stay() -> None:
    driver = MachineDriver(HOLDING)
    work_id = answering(driver)
    driver.let(on.ToolCalled(work_id, "call-1", Action("a", "t", "{}", "", "", "[]")))
    driver.let(on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))
    driver.wait(2_500)
    driver.let(on.InterruptRequested(1, played_ms=800))
    _, called, outcome, said = driver.machine.history.items
    assert isinstance(called, AssistantMessage) and called.tool_calls[0].call_id == "call-1"
    assert isinstance(outcome, ToolOutcome)
    assert said == AssistantMessage("One two", interrupted=True)


def test_speech_before_the_first_sound_of_the_answer_reopens_the_turn() -> None:
    driver = MachineDriver()
    thinking(driver, "turn on")
    driver.speak(300)
    (cut,) = driver.said_of(msg.Interruption)
    assert cut == msg.Interruption(1, msg.InterruptionReason.TURN_REOPENED, 0, "")
    driver.pause(800)
    transcribed(driver, "the light")
    finals = [said.text for said in driver.said_of(msg.Transcription) if said.is_final]
    assert finals == ["turn on", "turn on the light"]
    assert {send.turn_id for send in driver.sends()} == {1}
    assert driver.machine.history.items == (UserMessage("turn on the light"),)


def test_who_goes_on_is_heard_also_where_speech_interrupts_no_answer() -> None:
    driver = MachineDriver(SessionConfig(turn_detection=TurnDetection(interrupt_response=False)))
    thinking(driver, "turn on")
    driver.speak(300)
    driver.pause(800)
    transcribed(driver, "the light")
    assert driver.machine.history.items == (UserMessage("turn on the light"),)


def test_a_cough_before_the_first_sound_reopens_nothing() -> None:
    driver = MachineDriver()
    thinking(driver)
    driver.speak(100)
    driver.pause(600)
    assert driver.said_of(msg.Interruption) == []


def test_what_is_said_later_joins_what_was_said_without_a_space_where_there_are_none() -> None:
    driver = MachineDriver()
    thinking(driver, "今天天气")
    driver.speak(300)
    driver.pause(800)
    transcribed(driver, "怎么样")
    assert driver.machine.history.items == (UserMessage("今天天气怎么样"),)


def test_a_turn_is_not_reopened_once_it_acted() -> None:
    driver = MachineDriver()
    work_id = thinking(driver)
    driver.let(on.ToolCalled(work_id, "call-1", Action("a", "t", "{}", "", "", "[]")))
    driver.speak(300)
    stop(driver)
    (cut,) = driver.said_of(msg.Interruption)
    assert cut.reason is msg.InterruptionReason.USER_SPEECH
    _, asked, _ = driver.machine.history.items
    assert isinstance(asked, AssistantMessage) and asked.tool_calls[0].call_id == "call-1"


def test_a_speaker_who_pauses_longer_is_given_more_time() -> None:
    driver = MachineDriver()
    for _ in range(4):
        driver.speak(300)
        driver.pause(400)
    driver.hear(100)
    assert driver.is_in(Phase.LISTENING)  # half a second of silence does not end it any more
    driver.hear(200)
    assert driver.is_in(Phase.TRANSCRIBING)


def test_patience_can_be_turned_off() -> None:
    driver = MachineDriver(SessionConfig(turn_detection=TurnDetection(adaptive=False)))
    for _ in range(4):
        driver.speak(300)
        driver.pause(400)
    driver.hear(100)
    assert driver.is_in(Phase.TRANSCRIBING)


def test_speech_does_not_interrupt_what_must_be_heard() -> None:
    driver = MachineDriver(HOLDING)
    driver.let(on.SpeechRequested("Listen.", is_interruptible=False), *spoken(1))
    driver.wait(100)
    driver.speak(900)
    assert driver.said_of(msg.PlaybackHold) == []
    assert driver.is_in(Phase.RESPONDING)
