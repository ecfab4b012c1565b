"""What holds of the turn machine whatever happens, in whatever order.

A random caller, ear and engines drive it; the engines also report for turns that are over.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as say
from cedar_voice_service.session.config import (
    OutputAudio,
    SessionConfig,
    TurnDetection,
    TurnMode,
)
from cedar_voice_service.session.machine import Phase
from cedar_voice_service.session.playout import SpokenChunk
from tests.support.machine_driver import MachineDriver

MP3 = AudioFormat(Encoding.MP3)
TURNS = st.integers(1, 8)


def words_of(turn_id: int) -> str:
    """What the engines say in a turn, and in no other."""
    return f"Words of turn {turn_id}. "


class Conversation(RuleBasedStateMachine):
    """Any conversation."""

    def __init__(self) -> None:
        super().__init__()
        config = SessionConfig(
            turn_detection=TurnDetection(mode=TurnMode.SERVER_VAD),
            output_audio=OutputAudio(max_lead_ms=300),
        )
        self.driver = MachineDriver(config)
        self.is_speaking = False

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

    @rule(ms=st.sampled_from([1, 200, 2_000, 20_000]))
    def wait(self, ms: int) -> None:
        self.driver.wait(ms)

    @rule(
        event=st.sampled_from(
            [
                on.ListeningStarted(),
                on.ListeningStopped(),
                on.ListeningStopped(discard=True),
                on.TextEntered("typed"),
                on.InterruptRequested(),
                on.InterruptRequested(played_ms=150),
                on.InputEnded(),
                on.StreamOpened(),
            ]
        )
    )
    def call(self, event: on.Event) -> None:
        self.driver.let(event)

    @rule(turn_id=TURNS, is_silence=st.booleans())
    def recognize(self, turn_id: int, is_silence: bool) -> None:
        text = "" if is_silence else words_of(turn_id)
        self.driver.let(on.PartialTranscribed(turn_id, text), on.FinalTranscribed(turn_id, text))

    @rule(turn_id=TURNS, stage=st.sampled_from(["stt", "llm", "tts", "work"]))
    def fail(self, turn_id: int, stage: str) -> None:
        error = EngineError(Stage.LLM, "broken")
        reports: dict[str, on.Event] = {
            "stt": on.TranscriptionFailed(turn_id, error),
            "llm": on.ReplyFailed(turn_id, error),
            "tts": on.SpeechFailed(turn_id, error),
            "work": on.WorkFailed(turn_id, error),
        }
        self.driver.let(reports[stage])

    @rule(turn_id=TURNS)
    def write(self, turn_id: int) -> None:
        self.driver.let(on.ReplyWritten(turn_id, words_of(turn_id)))

    @rule(turn_id=TURNS, ms=st.integers(1, 800))
    def synthesize(self, turn_id: int, ms: int) -> None:
        chunk = SpokenChunk(b"x", 0, ms, words_of(turn_id))
        self.driver.let(on.SpeechSynthesized(turn_id, chunk, MP3))

    @rule(turn_id=TURNS)
    def finish(self, turn_id: int) -> None:
        self.driver.let(on.ReplyEnded(turn_id, say.FinishReason.STOP), on.SpeechEnded(turn_id))

    @invariant()
    def nothing_of_a_turn_is_said_after_its_end(self) -> None:
        newest = 0
        for send in self.driver.sends():
            if send.turn_id:
                assert send.turn_id >= newest
                newest = send.turn_id
        for number, send in enumerate(sends := list(self.driver.sends())):
            if isinstance(send.message, say.TurnMetrics):
                assert all(later.turn_id != send.turn_id for later in sends[number + 1 :])

    @invariant()
    def a_message_holds_only_words_of_its_own_turn(self) -> None:
        for send in self.driver.sends():
            match send.message:
                case (
                    say.Transcription(text=text)
                    | say.ResponseDelta(text=text)
                    | say.ResponseCompleted(text=text)
                    | say.Speech(text=text)
                ):
                    assert text.replace(words_of(send.turn_id), "") == ""
                case _:
                    pass

    @invariant()
    def one_turn_works_at_a_time(self) -> None:
        working: set[int] = set()
        for command in self.driver.commands:
            match command:
                case do.StartTranscribing(turn_id) | do.StartReplying(turn_id):
                    working = {turn for turn in working if not self._is_over(turn, command)}
                    working.add(turn_id)
                    assert len(working) == 1
                case do.CancelWork(turn_id):
                    working.discard(turn_id)
                case _:
                    pass

    def _is_over(self, turn_id: int, before: do.Command) -> bool:
        """Whether the recognizer or the answer of a turn reported its end before a command."""
        earlier = self.driver.commands[: self.driver.commands.index(before)]
        for command in earlier:
            if isinstance(command, do.Send) and command.turn_id == turn_id:
                message = command.message
                is_final = isinstance(message, say.Transcription) and message.is_final
                if is_final or isinstance(message, say.TurnMetrics | say.Failed):
                    return True
        return False

    @invariant()
    def a_response_has_one_beginning_one_end_and_one_last_audio(self) -> None:
        responses: dict[int, list[str]] = {}
        for message in self.driver.said:
            match message:
                case say.ResponseStarted(response_id):
                    assert response_id == len(responses) + 1
                    responses[response_id] = ["started"]
                case say.ResponseCompleted(response_id):
                    responses[response_id].append("completed")
                case say.Speech(response_id, is_last=is_last):
                    assert "last" not in responses[response_id]
                    if is_last:
                        responses[response_id].append("last")
                case say.ResponseDelta(response_id):
                    assert response_id == len(responses)
                case _:
                    pass
        finished = list(responses.values())
        if not self.driver.is_in(Phase.RESPONDING):
            assert all(sorted(steps) == ["completed", "last", "started"] for steps in finished)

    @invariant()
    def a_turn_has_at_most_one_final_transcription(self) -> None:
        finals = [
            send.turn_id
            for send in self.driver.sends()
            if isinstance(send.message, say.Transcription) and send.message.is_final
        ]
        assert len(finals) == len(set(finals))

    @invariant()
    def every_state_but_idle_and_push_to_talk_has_a_deadline(self) -> None:
        if not self.driver.is_in(Phase.IDLE):
            assert self.driver.machine.deadline_ms is not None


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
