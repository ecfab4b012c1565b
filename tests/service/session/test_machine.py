"""The turn machine: how a turn begins and ends, who interrupts what, what is kept."""

from dataclasses import replace

import pytest

from cedar_voice_service.errors import CallerError, Code, EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import Action, FinishReason, SpokenChunk, Usage
from cedar_voice_service.session.config import (
    OutputAudio,
    SessionConfig,
    TurnDetection,
    VoiceSettings,
)
from cedar_voice_service.session.config_patch import ConfigPatch
from cedar_voice_service.session.history import AssistantMessage, UserMessage
from cedar_voice_service.session.session import Phase
from cedar_voice_service.session.turns.user_side import CLIENT_AWAY_MS, INPUT_IDLE_MS
from tests.support.machine_driver import MANUAL, MachineDriver
from tests.support.spoken_turns import MP3, answering, transcribed


def test_silence_ends_a_turn_that_the_server_delimits() -> None:
    driver = MachineDriver()
    driver.hear(500)
    assert driver.is_in(Phase.IDLE)
    driver.speak(800)
    assert driver.asked_for(do.StartTranscribing) == [do.StartTranscribing(1, 200, "en-US")]
    driver.pause(400)
    assert driver.is_in(Phase.LISTENING)
    driver.hear(100)
    assert driver.is_in(Phase.TRANSCRIBING)
    assert driver.asked_for(do.FinishTranscribing) == [do.FinishTranscribing(1)]
    kinds = [activity.kind for activity in driver.said_of(msg.SpeechActivity)]
    assert kinds == [msg.SpeechKind.STARTED, msg.SpeechKind.STOPPED, msg.SpeechKind.TURN_ENDED]


def test_audio_that_stops_coming_ends_the_turn() -> None:
    driver = MachineDriver()
    driver.speak(800)
    driver.wait(1_000)
    assert driver.is_in(Phase.TRANSCRIBING)


def test_a_client_that_is_away_is_waited_for_and_may_say_the_rest() -> None:
    driver = MachineDriver()
    driver.speak(800)
    driver.is_client_away = True
    driver.wait(10_000)
    assert driver.is_in(Phase.LISTENING)
    driver.is_client_away = False
    driver.let(on.StreamOpened())
    driver.wait(800)
    driver.hear(500)
    assert driver.is_in(Phase.LISTENING)
    driver.wait(1_000)
    assert driver.is_in(Phase.TRANSCRIBING)
    assert len(driver.asked_for(do.StartTranscribing)) == 1


def test_a_client_that_does_not_come_back_keeps_no_recognizer_for_long() -> None:
    driver = MachineDriver()
    driver.speak(800)
    driver.is_client_away = True
    driver.wait(15_000)
    assert not driver.is_in(Phase.LISTENING)


def test_push_to_talk_ends_with_stop_and_not_with_silence() -> None:
    driver = MachineDriver(MANUAL)
    driver.let(on.ListeningStarted())
    driver.speak(500)
    driver.pause(3_000)
    driver.wait(5_000)
    assert driver.is_in(Phase.LISTENING)
    driver.let(on.ListeningStopped())
    assert driver.is_in(Phase.TRANSCRIBING)


def test_a_turn_is_never_longer_than_the_limit() -> None:
    driver = MachineDriver(MANUAL)
    driver.speak(60_000)
    assert driver.is_in(Phase.TRANSCRIBING)


def test_a_recording_that_goes_on_beyond_the_limit_is_cut_into_turns_of_their_own() -> None:
    driver = MachineDriver(MANUAL)
    driver.speak(60_000)
    transcribed(driver, "")
    driver.hear(30_000)
    started = [command.from_ms for command in driver.asked_for(do.StartTranscribing)]
    assert started == [0, 60_000]
    assert driver.is_in(Phase.LISTENING)


def test_who_talks_and_stops_during_an_answer_is_heard() -> None:
    driver = MachineDriver(MANUAL)
    driver.let(on.TextEntered("hi"), on.ReplyWritten(1, "A long answer."))
    driver.speak(500)
    driver.let(on.ListeningStopped())
    (cut,) = driver.said_of(msg.Interruption)
    assert cut.reason is msg.InterruptionReason.NEW_INPUT
    assert driver.is_in(Phase.TRANSCRIBING)


def test_speech_that_a_new_listening_period_breaks_off_is_none_of_it() -> None:
    driver = MachineDriver()
    driver.speak(800)
    driver.let(on.ListeningStarted())
    driver.hear(700)
    assert driver.is_in(Phase.IDLE)
    driver.let(on.ListeningStopped())
    (final,) = driver.said_of(msg.Transcription)
    assert (final.text, final.is_final) == ("", True)


def test_stop_without_audio_is_refused_and_changes_nothing() -> None:
    driver = MachineDriver()
    driver.let(on.ListeningStarted(), on.ListeningStopped())
    (failed,) = driver.said_of(msg.Error)
    assert failed.error.code is Code.PROTOCOL_VIOLATION
    assert driver.is_in(Phase.IDLE)


def test_stop_after_audio_that_could_not_be_decoded_is_no_second_error() -> None:
    driver = MachineDriver()
    error = CallerError("not audio", stage=Stage.AUDIO_INPUT)
    driver.let(on.ListeningStarted(), on.InputRejected(error), on.ListeningStopped())
    assert len(driver.said_of(msg.Error)) == 1
    (final,) = driver.said_of(msg.Transcription)
    assert (final.text, final.is_final) == ("", True)


LOST = on.AudioLost(EngineError(Stage.AUDIO_INPUT, "the decoder died"), client_sequence=7)


def test_a_turn_whose_sound_is_lost_fails_and_the_next_one_is_heard() -> None:
    driver = MachineDriver()
    driver.speak(600)
    commands = driver.let(LOST)
    assert do.Send(msg.Error(LOST.error), turn_id=1) in commands
    assert do.CancelWork(driver.transcribing) in commands
    driver.hear(600)  # the rest of what was said
    driver.pause(600)
    assert driver.is_in(Phase.IDLE)
    driver.speak(600)
    driver.pause(600)
    transcribed(driver)
    assert driver.is_in(Phase.RESPONDING)
    assert len(driver.said_of(msg.Error)) == 1


def test_a_listening_period_whose_sound_is_lost_is_not_heard_to_its_end() -> None:
    driver = MachineDriver(MANUAL)
    driver.let(on.ListeningStarted())
    driver.speak(600)
    assert do.EndRecording() in driver.let(LOST)
    driver.let(on.ListeningStopped())
    assert [type(message) for message in driver.said] == [
        msg.SpeechActivity,
        msg.Error,
        msg.TurnMetrics,
    ]
    assert driver.is_in(Phase.IDLE)
    driver.hear(600)  # nobody says anything in the next one
    driver.let(on.ListeningStopped())
    assert driver.asked_for(do.FinishTranscribing) == []


@pytest.mark.parametrize("config", [MANUAL, SessionConfig()], ids=["manual", "server"])
def test_sound_that_is_lost_outside_a_turn_is_told(config: SessionConfig) -> None:
    driver = MachineDriver(config)
    driver.let(on.ListeningStarted(), LOST)
    assert list(driver.sends()) == [do.Send(msg.Error(LOST.error, LOST.client_sequence))]


def test_sound_that_is_lost_over_an_answer_lets_the_answer_go_on() -> None:
    driver = MachineDriver()
    answering(driver)
    driver.speak(600)
    assert driver.said_of(msg.PlaybackHold) == [] or driver.said_of(msg.PlaybackHold)[-1].held
    driver.let(LOST)
    driver.wait(5_000)
    assert driver.is_in(Phase.RESPONDING) and driver.said_of(msg.Interruption) == []


@pytest.mark.parametrize("config", [MANUAL, SessionConfig()], ids=["manual", "server"])
def test_stop_after_silence_gives_an_empty_final_and_no_answer(config: SessionConfig) -> None:
    driver = MachineDriver(config)
    driver.let(on.ListeningStarted())
    driver.hear(700)
    driver.let(on.ListeningStopped())
    (final,) = driver.said_of(msg.Transcription)
    assert (final.text, final.is_final) == ("", True)
    assert driver.is_in(Phase.IDLE)
    assert driver.asked_for(do.FinishTranscribing) == []


def test_discarded_speech_is_not_transcribed() -> None:
    driver = MachineDriver(MANUAL)
    driver.speak(500)
    driver.let(on.ListeningStopped(discard=True))
    assert driver.asked_for(do.CancelWork) == [do.CancelWork(1)]
    assert driver.said_of(msg.Transcription) == []
    assert driver.is_in(Phase.IDLE)


def test_an_answer_is_written_spoken_and_remembered() -> None:
    driver = MachineDriver()
    work_id = answering(driver, speech_ms=700)
    driver.let(on.ReplyEnded(work_id, FinishReason.STOP, Usage(5, 7)), on.SpeechEnded(work_id))
    assert driver.is_in(Phase.RESPONDING)  # it is still being heard
    driver.wait(700)
    assert driver.is_in(Phase.IDLE)
    assert driver.machine.history.items == (
        UserMessage("hello there"),
        AssistantMessage("One two three four."),
    )
    metrics = driver.said[-1]
    assert isinstance(metrics, msg.TurnMetrics)
    assert (metrics.output_audio_ms, metrics.endpointing_ms) == (700, 500)


def test_the_last_audio_of_a_response_is_marked_once() -> None:
    driver = MachineDriver()
    work_id = answering(driver)
    driver.let(on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))
    lasts = [speech.is_last for speech in driver.said_of(msg.OutputAudio)]
    assert lasts == [False, True]


def test_speech_over_the_answer_cuts_it_and_begins_a_turn_with_that_speech() -> None:
    driver = MachineDriver()
    answering(driver)
    began_ms = driver.heard_ms
    driver.wait(500)
    driver.speak(300)
    driver.let(on.PartialTranscribed(driver.transcribing, "wait", stable_text="wait"))
    (cut,) = driver.said_of(msg.Interruption)
    assert cut == msg.Interruption(1, msg.InterruptionReason.USER_SPEECH, 800, "One two")
    assert driver.asked_for(do.PurgeAudio) == [do.PurgeAudio(1)]
    assert driver.asked_for(do.StartTranscribing)[-1].from_ms == began_ms - 300
    assert driver.is_in(Phase.LISTENING)
    assert driver.said_of(msg.Transcription)[-1].text == "wait"


def test_speech_too_short_to_interrupt_is_no_turn() -> None:
    driver = MachineDriver()
    answering(driver)
    driver.speak(100)
    driver.pause(1_000)
    assert driver.is_in(Phase.RESPONDING)
    assert len(driver.asked_for(do.StartTranscribing)) == 1
    assert driver.said_of(msg.Interruption) == []


def test_speech_during_transcription_is_not_lost() -> None:
    driver = MachineDriver()
    driver.speak(600)
    driver.pause(500)
    ended_ms = driver.heard_ms
    driver.speak(400)
    driver.pause(600)
    assert driver.is_in(Phase.TRANSCRIBING)
    transcribed(driver, "first half")
    driver.hear(100)
    assert driver.asked_for(do.StartTranscribing)[-1].from_ms == ended_ms  # nothing heard twice
    assert driver.said_of(msg.ResponseStarted) == []


def test_speech_that_was_over_before_the_answer_began_is_not_lost_either() -> None:
    driver = MachineDriver()
    driver.speak(600)
    driver.pause(500)
    driver.speak(400)
    driver.pause(600)
    transcribed(driver, "first half")  # and no more audio comes
    driver.wait(1_000)
    assert driver.is_in(Phase.TRANSCRIBING)
    transcribed(driver, "second half")
    assert driver.machine.history.items == (UserMessage("first half second half"),)


def test_nothing_of_a_cut_answer_is_said_after_the_cut() -> None:
    driver = MachineDriver()
    work_id = answering(driver)
    driver.let(on.InterruptRequested())
    said = len(driver.said)
    driver.let(
        on.ReplyWritten(work_id, "late"),
        on.SpeechSynthesized(work_id, (SpokenChunk(b"late", 2_000, 100),), MP3),
        on.ReplyEnded(work_id, FinishReason.STOP),
        on.SpeechEnded(work_id),
    )
    assert len(driver.said) == said


def test_the_history_keeps_what_was_heard() -> None:
    driver = MachineDriver()
    answering(driver, speech_ms=2_000)
    driver.wait(1_100)
    driver.let(on.InterruptRequested())
    assert driver.machine.history.items[-1] == AssistantMessage("One two", interrupted=True)


def test_the_clients_figure_of_what_was_heard_wins_and_is_clamped() -> None:
    driver = MachineDriver()
    answering(driver, speech_ms=2_000)
    driver.let(on.InterruptRequested(played_ms=99_000))
    (cut,) = driver.said_of(msg.Interruption)
    assert (cut.heard_ms, cut.kept_text) == (2_000, "One two three four.")


def test_interrupting_what_is_over_is_not_an_error() -> None:
    driver = MachineDriver()
    driver.let(on.InterruptRequested())
    answering(driver)
    driver.let(on.InterruptRequested(response_id=99))
    assert driver.is_in(Phase.RESPONDING)
    assert driver.said_of(msg.Error) == []


def test_an_interruption_purges_what_a_client_that_lags_still_lacks_of_an_answer_that_is_over() -> (
    None
):
    driver = MachineDriver()
    answering(driver, speech_ms=1_000)
    driver.wait(60_000)
    assert driver.is_in(Phase.IDLE)
    driver.let(on.InterruptRequested())
    assert driver.asked_for(do.PurgeAudio) == [do.PurgeAudio(1)]
    assert driver.said_of(msg.Interruption) == []


def test_typed_text_interrupts_and_is_answered() -> None:
    driver = MachineDriver()
    answering(driver)
    driver.let(on.TextEntered("stop that"))
    assert driver.is_in(Phase.RESPONDING)
    started = driver.said_of(msg.ResponseStarted)[-1]
    assert started == msg.ResponseStarted(2, "stop that")


def test_a_client_that_speaks_itself_keeps_the_whole_text_when_it_interrupts() -> None:
    config = SessionConfig(settings=VoiceSettings(use_browser_tts=True))
    driver = MachineDriver(config)
    driver.let(on.TextEntered("hi"), on.ReplyWritten(1, "One two."), on.InterruptRequested())
    assert driver.machine.history.items[-1] == AssistantMessage("One two.", interrupted=True)


def test_without_streaming_only_finals_are_sent() -> None:
    driver = MachineDriver(SessionConfig(settings=VoiceSettings(stream=False)))
    driver.speak(600)
    driver.let(on.PartialTranscribed(1, "hel"))
    driver.pause(600)
    work_id = transcribed(driver)
    driver.let(on.ReplyWritten(work_id, "Hi."), on.ReplyEnded(work_id, FinishReason.STOP))
    assert driver.said_of(msg.ResponseDelta) == []
    finals = [said.is_final for said in driver.said_of(msg.Transcription)]
    assert finals == [True]


def test_text_is_told_at_once_and_then_as_fast_as_one_reads() -> None:
    driver = MachineDriver()
    driver.let(on.TextEntered("hi"))
    for word in ("One", " two", " three", " four."):
        driver.let(on.ReplyWritten(1, word))
        driver.wait(40)
    assert [delta.text for delta in driver.said_of(msg.ResponseDelta)] == ["One", " two three"]
    driver.let(on.ReplyEnded(1, FinishReason.STOP))
    told = [
        said.text
        for said in driver.said
        if isinstance(said, msg.ResponseDelta | msg.ResponseCompleted)
    ]
    assert told == ["One", " two three", " four.", "One two three four."]


def test_text_that_waits_comes_before_the_action_or_the_failure_that_follows_it() -> None:
    driver = MachineDriver()
    action = Action("action-1-1", "setTheme", "{}", "ui", "setTheme", "[]")
    driver.let(
        on.TextEntered("dark please"),
        on.ReplyWritten(1, "I do"),
        on.ReplyWritten(1, " it"),
        on.ToolCalled(1, "call-1", action),
        on.ReplyWritten(1, " now"),
    )
    driver.wait(15_200)
    kinds = (msg.ResponseDelta, msg.ActionRequested, msg.Error)
    told = [type(said) for said in driver.said if isinstance(said, kinds)]
    delta = msg.ResponseDelta
    assert told == [delta, delta, msg.ActionRequested, delta, msg.Error]


def test_only_the_last_audio_of_an_answer_says_that_it_is() -> None:
    driver = MachineDriver(SessionConfig(output_audio=OutputAudio(max_lead_ms=1_000)))
    driver.let(on.TextEntered("hi"))
    for offset_ms in (0, 900, 1_000):
        chunk = SpokenChunk(b"x", offset_ms, 900 if offset_ms == 0 else 100, "Word.")
        driver.let(on.SpeechSynthesized(1, (chunk,), MP3))
    driver.let(on.ReplyEnded(1, FinishReason.STOP), on.SpeechEnded(1))
    driver.wait(5_000)
    assert [said.is_last for said in driver.said_of(msg.OutputAudio)] == [False, False, True]


@pytest.mark.parametrize("stage", [Stage.LLM, Stage.TTS, Stage.STT])
def test_an_engine_that_hangs_costs_its_turn_and_not_the_session(stage: Stage) -> None:
    driver = MachineDriver()
    driver.speak(600)
    driver.pause(600)
    work_id = 0
    if stage is not Stage.STT:
        work_id = transcribed(driver)
        if stage is Stage.TTS:
            driver.let(on.ReplyWritten(work_id, "Hi."))
            driver.let(on.ReplyEnded(work_id, FinishReason.STOP))
    driver.wait(15_000)
    (failed,) = driver.said_of(msg.Error)
    assert (failed.error.code, failed.error.stage) == (Code.STAGE_TIMEOUT, stage)
    working = driver.transcribing if stage is Stage.STT else work_id
    assert driver.asked_for(do.CancelWork) == [do.CancelWork(working)]
    assert driver.is_in(Phase.IDLE)


def test_a_failed_model_completes_its_response() -> None:
    driver = MachineDriver()
    error = EngineError(Stage.LLM, "no")
    driver.let(on.TextEntered("hi"), on.ReplyFailed(1, error), on.SpeechEnded(1))
    (completed,) = driver.said_of(msg.ResponseCompleted)
    assert (completed.finish_reason, completed.error) == (FinishReason.ERROR, error)
    assert driver.is_in(Phase.IDLE)


def test_speech_that_fails_early_does_not_cut_the_text() -> None:
    driver = MachineDriver()
    driver.let(on.TextEntered("hi"), on.SpeechFailed(1, EngineError(Stage.TTS, "no")))
    driver.wait(100)
    driver.let(on.ReplyWritten(1, "All of it."), on.ReplyEnded(1, FinishReason.STOP))
    assert driver.machine.history.items[-1] == AssistantMessage("All of it.")
    assert driver.is_in(Phase.IDLE)


def test_a_late_report_of_a_cut_turn_is_not_taken_for_the_next_one() -> None:
    driver = MachineDriver()
    driver.let(on.TextEntered("one"), on.TextEntered("two"), on.ReplyWritten(1, "late"))
    assert driver.said_of(msg.ResponseDelta) == []


def test_actions_are_kept_with_the_conversation() -> None:
    driver = MachineDriver()
    action = Action("action-1-1", "setTheme", '{"theme": "dark"}', "ui", "setTheme", '["dark"]')
    driver.let(
        on.TextEntered("dark please"),
        on.ToolCalled(1, "call-1", action),
        on.ReplyWritten(1, "Done."),
        on.ReplyEnded(1, FinishReason.STOP),
        on.SpeechEnded(1),
    )
    assert driver.said_of(msg.ActionRequested) == [msg.ActionRequested(1, action)]
    _, asked, _, answer = driver.machine.history.items
    assert isinstance(asked, AssistantMessage) and asked.tool_calls[0].call_id == "call-1"
    assert answer == AssistantMessage("Done.")


def test_the_end_of_input_finishes_the_turn_and_then_closes() -> None:
    driver = MachineDriver(MANUAL)
    driver.speak(500)
    driver.let(on.InputEnded())
    assert driver.asked_for(do.CloseStream) == []
    work_id = transcribed(driver)
    driver.let(on.ReplyWritten(work_id, "Hi."), on.ReplyEnded(work_id, FinishReason.STOP))
    driver.let(on.SpeechEnded(work_id))
    assert driver.asked_for(do.CloseStream) == [do.CloseStream()]


def test_a_new_configuration_applies_from_the_next_turn() -> None:
    driver = MachineDriver(replace(SessionConfig(), output_audio=OutputAudio(max_lead_ms=0)))
    patch = on.Configured(patch_language("de-DE"))
    driver.let(on.TextEntered("hi"))
    driver.let(patch, on.ReplyEnded(1, FinishReason.STOP), on.SpeechEnded(1))
    driver.let(on.TextEntered("hallo"))
    languages = [command.config.settings.language for command in driver.asked_for(do.StartReplying)]
    assert languages == ["en-US", "de-DE"]


def patch_language(language: str) -> ConfigPatch:
    return ConfigPatch(settings={"language": language})


def test_a_pause_ends_no_turn_of_a_period_that_lasts_until_it_is_stopped() -> None:
    """Eleven seconds of speech with pauses of 1.2 s: one turn, by the client's stop."""
    driver = MachineDriver()
    driver.let(on.ListeningStarted(until_stopped=True))
    for _ in range(4):
        driver.speak(1_600)
        driver.pause(1_200)
    assert driver.is_in(Phase.LISTENING)
    assert len(driver.asked_for(do.StartTranscribing)) == 1
    driver.let(on.ListeningStopped())
    driver.let(on.FinalTranscribed(driver.transcribing, "all of it"))
    assert [said.text for said in driver.said_of(msg.Transcription)] == ["all of it"]
    assert len(driver.said_of(msg.ResponseStarted)) == 1


def test_the_next_period_ends_by_silence_again() -> None:
    driver = MachineDriver()
    driver.let(on.ListeningStarted(until_stopped=True), on.ListeningStarted())
    driver.speak(1_000)
    driver.pause(600)
    assert driver.is_in(Phase.TRANSCRIBING)


def test_speech_after_a_stop_ends_by_silence() -> None:
    driver = MachineDriver()
    driver.let(on.ListeningStarted(until_stopped=True))
    driver.speak(1_000)
    driver.pause(100)
    driver.let(on.ListeningStopped())
    driver.let(on.FinalTranscribed(driver.transcribing, ""))
    driver.speak(1_000)
    driver.pause(600)
    assert driver.is_in(Phase.TRANSCRIBING)


def test_a_period_whose_audio_stops_arriving_keeps_no_recognizer() -> None:
    driver = MachineDriver()
    driver.let(on.ListeningStarted(until_stopped=True))
    driver.speak(1_000)
    driver.pause(1_000)
    driver.wait(INPUT_IDLE_MS)
    assert driver.asked_for(do.FinishTranscribing)


def test_a_period_of_a_client_that_is_away_waits_longer() -> None:
    driver = MachineDriver()
    driver.let(on.ListeningStarted(until_stopped=True))
    driver.speak(1_000)
    driver.is_client_away = True
    driver.let(on.TimePassed(is_client_away=True))
    driver.wait(INPUT_IDLE_MS)
    assert driver.is_in(Phase.LISTENING)
    driver.wait(CLIENT_AWAY_MS)
    assert driver.asked_for(do.FinishTranscribing)


def test_a_period_that_lasts_too_long_continues_in_another_turn() -> None:
    detection = TurnDetection(max_utterance_ms=2_000)
    driver = MachineDriver(SessionConfig(turn_detection=detection))
    driver.let(on.ListeningStarted(until_stopped=True))
    driver.speak(2_500)
    driver.let(on.FinalTranscribed(driver.transcribing, "the first part"))
    assert driver.said_of(msg.Transcription)[-1].continues
    assert driver.is_in(Phase.LISTENING)
