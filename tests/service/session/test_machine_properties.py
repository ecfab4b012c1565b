"""Invariants of a session, for any events in any order.

A random caller, ear and engines drive it; the engines also report for work that is over.
"""

import re
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import Action, FinishReason, SpokenChunk
from cedar_voice_service.session.config import (
    OutputAudio,
    SessionConfig,
    TurnDetection,
    TurnMode,
)
from cedar_voice_service.session.response.playout import MAX_LATENESS_MS
from cedar_voice_service.session.session import Phase
from cedar_voice_service.session.turns.barge_in import LONGEST_HOLD_MS
from cedar_voice_service.session.turns.draft import MAX_DRAFTS
from tests.support.machine_driver import STAGE_TIMEOUT_MS, MachineDriver

MP3 = AudioFormat(Encoding.MP3)
BACK = st.integers(0, 4)
"""The piece of work that reports: 0 for the newest of its kind, 1 for the one before."""


def words_of(work_id: int) -> str:
    """Text of an engine in one piece of work, and in no other."""
    return f"word{work_id} "


class Conversation(RuleBasedStateMachine):
    """Any conversation, in which turns are too long now and then."""

    mode = TurnMode.SERVER_VAD

    def __init__(self) -> None:
        super().__init__()
        config = SessionConfig(
            turn_detection=TurnDetection(
                mode=self.mode, no_input_timeout_ms=3_000, max_utterance_ms=2_000
            ),
            output_audio=OutputAudio(max_lead_ms=300, supports_hold=True),
        )
        self.driver = MachineDriver(config)
        self.is_speaking = False
        self.calls = 0
        self.asked_at: int | None = None
        """Number of commands when an answer was requested that was not stopped."""
        self.audio_ms = 0

    @property
    def is_pressed(self) -> bool:
        """Whether the client alone can end the turn."""
        return self.mode is TurnMode.MANUAL and self.driver.is_in(Phase.LISTENING)

    def work(self, kind: type[do.StartTranscribing | do.StartReplying], back: int) -> int:
        """A piece of work of a kind that was asked for; a made-up one when there is none."""
        ids = [command.work_id for command in self.driver.asked_for(kind)]
        return ids[-1 - back] if back < len(ids) else 999

    @rule(ms=st.sampled_from([100, 300, 700]))
    def hear(self, ms: int) -> None:
        self.driver.hear(ms)

    @precondition(lambda self: not self.is_speaking)
    @rule(ms=st.sampled_from([100, 300, 700]))
    def speak(self, ms: int) -> None:
        self.is_speaking = True
        self.driver.speak(ms)

    @precondition(lambda self: self.is_speaking)
    @rule(ms=st.sampled_from([100, 300, 700]))
    def pause(self, ms: int) -> None:
        self.is_speaking = False
        self.driver.pause(ms)

    @rule(ms=st.sampled_from([1, 200, LONGEST_HOLD_MS, 20_000]))
    def wait(self, ms: int) -> None:
        self.driver.wait(ms)
        if ms >= LONGEST_HOLD_MS:
            holds = self.driver.said_of(msg.PlaybackHold)
            cuts = [cut.response_id for cut in self.driver.said_of(msg.Interruption)]
            assert not holds or not holds[-1].held or holds[-1].response_id in cuts

    @rule(
        event=st.sampled_from(
            [
                on.ListeningStarted(),
                on.ListeningStopped(),
                on.ListeningStopped(discard=True),
                on.TextEntered("typed"),
                on.SpeechRequested("said"),
                on.SpeechRequested("said", is_interruptible=False),
                on.ResponseRequested(),
                on.ResponseRequested("briefly"),
                on.InterruptRequested(),
                on.InterruptRequested(played_ms=150),
                on.InterruptRequested(1, played_ms=150),
                on.InterruptRequested(2),
                on.PlaybackReported(1, 100),
                on.PlaybackReported(2, 100),
                on.InputEnded(),
                on.StreamOpened(),
                on.AudioLost(EngineError(Stage.AUDIO_INPUT, "died")),
            ]
        )
    )
    def call(self, event: on.Event) -> None:
        if isinstance(event, on.ResponseRequested):
            self.asked_at = len(self.driver.commands)
        elif isinstance(event, on.InterruptRequested):
            self.asked_at = None
        self.driver.let(event)

    @rule(back=BACK, is_settled=st.booleans())
    def recognize_so_far(self, back: int, is_settled: bool) -> None:
        work_id = self.work(do.StartTranscribing, back)
        text = words_of(work_id)
        self.driver.let(on.PartialTranscribed(work_id, text, is_settled=is_settled))

    @rule(back=BACK, text=st.sampled_from(["", "mm-hm", "words", "others"]))
    def recognize(self, back: int, text: str) -> None:
        work_id = self.work(do.StartTranscribing, back)
        text = words_of(work_id) if text == "words" else text
        self.driver.let(on.FinalTranscribed(work_id, text))

    @rule(back=BACK, stage=st.sampled_from(["stt", "llm", "tts", "work"]))
    def fail(self, back: int, stage: str) -> None:
        error = EngineError(Stage.LLM, "broken")
        hearing = self.work(do.StartTranscribing, back)
        replying = self.work(do.StartReplying, back)
        reports: dict[str, on.Event] = {
            "stt": on.TranscriptionFailed(hearing, error),
            "llm": on.ReplyFailed(replying, error),
            "tts": on.SpeechFailed(replying, error),
            "work": on.WorkFailed(replying, error),
        }
        self.driver.let(reports[stage])

    @rule(back=BACK)
    def write(self, back: int) -> None:
        work_id = self.work(do.StartReplying, back)
        self.driver.let(on.ReplyWritten(work_id, words_of(work_id)))

    @rule(back=BACK)
    def call_tool(self, back: int) -> None:
        self.calls += 1
        work_id = self.work(do.StartReplying, back)
        action = Action(f"action-{self.calls}", "t", "{}", "", "", "[]")
        self.driver.let(on.ToolCalled(work_id, str(self.calls), action))

    @rule(back=BACK, ms=st.integers(1, 800))
    def synthesize(self, back: int, ms: int) -> None:
        self.audio_ms += ms
        work_id = self.work(do.StartReplying, back)
        chunk = SpokenChunk(b"x", 0, ms, words_of(work_id))
        self.driver.let(on.SpeechSynthesized(work_id, (chunk,), MP3))

    @rule(back=BACK)
    def finish(self, back: int) -> None:
        work_id = self.work(do.StartReplying, back)
        self.driver.let(on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))

    @rule(played_ms=st.integers(0, 1_000), every_ms=st.sampled_from([300, 2_000, 14_000]))
    def report_for_ever(self, played_ms: int, every_ms: int) -> None:
        """Nobody does anything more, but for a player that reports the same again and again."""
        self.synthesize(0, 800)
        driver, state, since_ms = self.driver, (Phase.IDLE, 0), self.driver.now_ms
        longest_ms = 2 * STAGE_TIMEOUT_MS + LONGEST_HOLD_MS + MAX_LATENESS_MS + self.audio_ms
        while not driver.is_in(Phase.IDLE) and not self.is_pressed:
            responses = driver.said_of(msg.ResponseStarted)
            response_id = responses[-1].response_id if responses else 0
            if state != (state := (driver.machine.phase, response_id)):
                since_ms = driver.now_ms
            assert driver.now_ms - since_ms <= longest_ms + every_ms, state
            driver.let(on.PlaybackReported(response_id, played_ms))
            driver.wait(every_ms)

    @invariant()
    def nothing_of_a_turn_is_said_after_its_end(self) -> None:
        newest = 0
        for send in self.driver.sends():
            if send.turn_id:
                assert send.turn_id >= newest
                newest = send.turn_id
        for number, send in enumerate(sends := list(self.driver.sends())):
            if isinstance(send.message, msg.TurnMetrics):
                assert all(later.turn_id != send.turn_id for later in sends[number + 1 :])

    @invariant()
    def nothing_of_cancelled_work_is_said(self) -> None:
        cancelled: set[str] = set()
        for command in self.driver.commands:
            match command:
                case do.CancelWork(work_id):
                    cancelled.add(words_of(work_id).strip())
                case do.Send(
                    msg.Transcription(text=text)
                    | msg.ResponseDelta(text=text)
                    | msg.OutputAudio(text=text)
                ):
                    assert not cancelled & set(re.findall(r"word\d+", text))
                case _:
                    pass

    @invariant()
    def one_recognizer_works_at_a_time(self) -> None:
        begun = [command.work_id for command in self.driver.asked_for(do.StartTranscribing)]
        cancelled = {command.work_id for command in self.driver.asked_for(do.CancelWork)}
        assert len(begun) == len(set(begun))
        finals = sum(1 for said in self.driver.said_of(msg.Transcription) if said.is_final)
        finished = len(self.driver.asked_for(do.FinishTranscribing))
        assert len(set(begun) - cancelled) <= 1 + finished + finals

    @invariant()
    def a_response_has_one_beginning_one_end_and_one_last_audio(self) -> None:
        responses: dict[int, list[str]] = {}
        for message in self.driver.said:
            match message:
                case msg.ResponseStarted(response_id):
                    assert response_id == len(responses) + 1
                    responses[response_id] = ["started"]
                case msg.ResponseCompleted(response_id):
                    responses[response_id].append("completed")
                case msg.OutputAudio(response_id, is_last=is_last):
                    assert "last" not in responses[response_id]
                    if is_last:
                        responses[response_id].append("last")
                case msg.ResponseDelta(response_id):
                    assert response_id == len(responses)
                case _:
                    pass
        finished = list(responses.values())
        if not self.driver.is_in(Phase.RESPONDING):
            assert all(sorted(steps) == ["completed", "last", "started"] for steps in finished)

    @invariant()
    def a_turn_is_final_once_unless_it_is_reopened(self) -> None:
        finals: Counter[int] = Counter()
        for send in self.driver.sends():
            match send.message:
                case msg.Transcription(is_final=True):
                    finals[send.turn_id] += 1
                case msg.Interruption(reason=msg.InterruptionReason.TURN_REOPENED):
                    finals[send.turn_id] -= 1
                case _:
                    pass
        assert all(count <= 1 for count in finals.values())

    @invariant()
    def an_action_follows_the_final_words_of_its_turn_and_is_asked_for_once(self) -> None:
        final: set[int] = set()
        spoken: set[int] = set()
        asked: list[str] = []
        for send in self.driver.sends():
            match send.message:
                case msg.Transcription(is_final=is_final):
                    spoken.add(send.turn_id)
                    if is_final:
                        final.add(send.turn_id)
                case msg.ActionRequested(action=action):
                    assert send.turn_id in final or send.turn_id not in spoken
                    asked.append(action.action_id)
                case _:
                    pass
        assert len(asked) == len(set(asked))

    @invariant()
    def a_turn_that_was_told_has_one_record(self) -> None:
        told = {send.turn_id for send in self.driver.sends() if send.turn_id}
        records = Counter(
            send.turn_id
            for send in self.driver.sends()
            if isinstance(send.message, msg.TurnMetrics)
        )
        assert all(count == 1 for count in records.values())
        if self.driver.is_in(Phase.IDLE):
            assert told == records.keys()

    @invariant()
    def drafts_are_few_and_counted(self) -> None:
        for metrics in self.driver.said_of(msg.TurnMetrics):
            assert metrics.dropped_drafts <= metrics.drafts <= MAX_DRAFTS

    @invariant()
    def an_answer_that_is_asked_for_begins(self) -> None:
        if self.asked_at is not None and self.driver.is_in(Phase.IDLE):
            since = self.driver.commands[self.asked_at :]
            messages = [command.message for command in since if isinstance(command, do.Send)]
            assert any(isinstance(message, msg.ResponseStarted) for message in messages)

    @invariant()
    def every_state_but_idle_and_push_to_talk_has_a_deadline(self) -> None:
        if not self.driver.is_in(Phase.IDLE) and not self.is_pressed:
            assert self.driver.machine.deadline_ms is not None


class PushToTalk(Conversation):
    """The same where the client delimits turns."""

    mode = TurnMode.MANUAL


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestPushToTalk = PushToTalk.TestCase
TestPushToTalk.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
