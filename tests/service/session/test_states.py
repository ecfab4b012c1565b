"""The table of turn states: no transition beside it, and no row that is never taken."""

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from cedar_voice_service.audio.formats import AudioFormat, Encoding
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.session import commands as do
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import FinishReason, SpokenChunk
from cedar_voice_service.session.config import SessionConfig, TurnDetection, TurnMode
from cedar_voice_service.session.session import Phase
from cedar_voice_service.session.turns.barge_in import LONGEST_HOLD_MS
from cedar_voice_service.session.turns.states import (
    TRANSITIONS,
    Idle,
    IllegalTransition,
    ListeningOverHeld,
    ListeningOverPlaying,
    State,
    Step,
    Transcribing,
    TranscribingOverHeld,
    TurnStates,
)
from cedar_voice_service.session.turns.turn import SpokenTurn
from tests.support.machine_driver import STAGE_TIMEOUT_MS, MachineDriver

SESSIONS = 1_000
STEPS = 50

Row = tuple[Step, type[State]]
"""A row of the table: the step, and the state before it."""

ROWS = {(step, before) for step, row in TRANSITIONS.items() for before in row}


def spoken_turn() -> SpokenTurn:
    return SpokenTurn(turn_id=1, start_ms=0, is_candidate=False, last_progress_at_ms=0)


class RandomSession:
    """A session whose user, client and engines do random things, engines also out of turn."""

    def __init__(self, random: Random) -> None:
        self.random = random
        detection = TurnDetection(
            mode=random.choice([TurnMode.SERVER_VAD, TurnMode.SERVER_VAD, TurnMode.MANUAL]),
            silence_duration_ms=random.choice([500, 4_000]),
            max_utterance_ms=random.choice([2_000, 60_000]),
        )
        self.driver = MachineDriver(SessionConfig(turn_detection=detection))
        self.is_speaking = False

    def run(self, steps: int) -> None:
        actions: list[Callable[[], None]] = [
            *[self.speak_or_pause] * 3,
            *[self.report_partial] * 3,
            *[self.report_final] * 2,
            *[self.answer] * 3,
            *[self.wait] * 2,
            *[self.fail] * 2,
            self.talk_over,
            self.control,
        ]
        for _ in range(steps):
            self.random.choice(actions)()

    def work_id(self, kind: type[do.StartTranscribing | do.StartReplying]) -> int:
        started = self.driver.asked_for(kind)
        return started[-1].work_id if started else 999

    def speak_or_pause(self) -> None:
        self.is_speaking = not self.is_speaking
        move = self.driver.speak if self.is_speaking else self.driver.pause
        move(self.random.choice([100, 300, 700]))

    def talk_over(self) -> None:
        """Speak, perhaps over an answer, and stay undecided for longer than a hold."""
        if not self.is_speaking:
            self.driver.speak(300)
            self.driver.pause(LONGEST_HOLD_MS + 100)

    def report_partial(self) -> None:
        text = self.random.choice(["mm-hm", "some words", "other words"])
        is_settled = self.random.random() < 0.7
        work_id = self.work_id(do.StartTranscribing)
        self.driver.let(on.PartialTranscribed(work_id, text, is_settled=is_settled))

    def report_final(self) -> None:
        text = self.random.choice(["", "mm-hm", "some words"])
        self.driver.let(on.FinalTranscribed(self.work_id(do.StartTranscribing), text))

    def answer(self) -> None:
        work_id = self.work_id(do.StartReplying)
        chunk = SpokenChunk(b"x", 0, self.random.choice([100, 600, 4_000]), "text")
        speech = on.SpeechSynthesized(work_id, (chunk,), AudioFormat(Encoding.MP3))
        end = (on.ReplyEnded(work_id, FinishReason.STOP), on.SpeechEnded(work_id))
        text = (on.ReplyWritten(work_id, "text "),)
        steps: list[tuple[on.Event, ...]] = [text, (speech,), end]
        self.driver.let(*self.random.choice(steps))

    def wait(self) -> None:
        self.driver.wait(self.random.choice([200, LONGEST_HOLD_MS, 20_000]))

    def fail(self) -> None:
        error = EngineError(Stage.LLM, "broken")
        hearing, replying = self.work_id(do.StartTranscribing), self.work_id(do.StartReplying)
        failures: list[on.Event] = [
            on.TranscriptionFailed(hearing, error),
            on.ReplyFailed(replying, error),
            on.WorkFailed(replying, error),
        ]
        self.driver.let(self.random.choice(failures))

    def control(self) -> None:
        requests: list[on.Event] = [
            on.ListeningStarted(),
            on.ListeningStopped(),
            on.ListeningStopped(discard=True),
            on.TextEntered("typed"),
            on.SpeechRequested("said"),
            on.ResponseRequested(),
            on.InterruptRequested(),
            on.InputEnded(),
            on.StreamOpened(),
        ]
        self.driver.let(self.random.choice(requests))


def test_every_transition_is_in_the_table_and_every_row_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: Counter[Row] = Counter()
    advance = TurnStates.advance

    def recording(self: TurnStates, step: Step, state: State) -> None:
        before = type(self.state)
        advance(self, step, state)  # raises for a transition beside the table
        taken[step, before] += 1

    monkeypatch.setattr(TurnStates, "advance", recording)
    for seed in range(SESSIONS):
        RandomSession(Random(seed)).run(STEPS)
    assert taken.keys() == ROWS


def test_a_transition_beside_the_table_raises_and_changes_nothing() -> None:
    states = TurnStates()
    with pytest.raises(IllegalTransition, match="END_INPUT: Idle to Transcribing"):
        states.advance(Step.END_INPUT, Transcribing(spoken_turn()))
    with pytest.raises(IllegalTransition, match="LISTEN: Idle to Transcribing"):
        states.advance(Step.LISTEN, Transcribing(spoken_turn()))
    assert states.state == Idle()


def test_every_state_can_be_entered_and_left() -> None:
    entered = {after for row in TRANSITIONS.values() for after in row.values()}
    left = {before for row in TRANSITIONS.values() for before in row}
    assert entered == left
    assert len(entered) == 10


def test_an_answer_plays_on_while_a_long_pause_keeps_the_turn_open() -> None:
    """Speech that is too short to interrupt, a recognizer that is silent, and 4 s to end a turn."""
    driver = MachineDriver(SessionConfig(turn_detection=TurnDetection(silence_duration_ms=4_000)))
    driver.let(on.TextEntered("hello"))
    work_id = driver.asked_for(do.StartReplying)[-1].work_id
    chunk = SpokenChunk(b"x", 0, 20_000, "A long answer.")
    driver.let(
        on.ReplyWritten(work_id, "A long answer."),
        on.SpeechSynthesized(work_id, (chunk,), AudioFormat(Encoding.MP3)),
    )
    driver.hear(500)
    driver.speak(400)
    driver.pause(100)
    assert isinstance(driver.machine.state, ListeningOverHeld)
    driver.hear(LONGEST_HOLD_MS)
    assert isinstance(driver.machine.state, ListeningOverPlaying)
    assert driver.is_in(Phase.RESPONDING)
    driver.let(on.FinalTranscribed(driver.transcribing, "mm-hm"))
    assert driver.is_in(Phase.RESPONDING)
    assert len(driver.asked_for(do.StartReplying)) == 1


def test_an_answer_survives_a_recognizer_that_is_late_together_with_the_hold() -> None:
    """The process stood still: hold and recognizer are overdue in the same moment."""
    driver = MachineDriver()
    driver.let(on.TextEntered("hello"))
    work_id = driver.asked_for(do.StartReplying)[-1].work_id
    driver.let(on.ReplyWritten(work_id, "An answer."))
    driver.hear(500)
    driver.speak(300)
    driver.pause(700)
    assert isinstance(driver.machine.state, TranscribingOverHeld)
    driver.now_ms += STAGE_TIMEOUT_MS + LONGEST_HOLD_MS
    driver.let(on.TimePassed())
    assert driver.is_in(Phase.RESPONDING)
    assert driver.said_of(msg.ResponseCompleted) == []
    assert [error.error.stage for error in driver.said_of(msg.Error)] == [Stage.STT]
