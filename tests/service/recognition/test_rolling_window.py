"""The policy of windows, whatever is said and whatever the recognizer makes of it."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cedar_voice_service.audio.formats import AudioBlock, EdgeKind, Pcm, SpeechEdge
from cedar_voice_service.recognition.load import CROWDED, SLOW_MS, RecognizerLoad
from cedar_voice_service.recognition.rolling_window import RollingWindow
from cedar_voice_service.recognition.window import MOST_WINDOW_MS, Purpose, WindowRequest

BLOCK_MS = 20
START_KNOWN_MS, STOP_KNOWN_MS = 100, 128
LEAD_MS = 300

Stretch = tuple[int, int]
"""Speech, and the silence after it, in milliseconds."""


def blocks_of(stretches: list[Stretch], origin_ms: int = 0) -> list[AudioBlock]:
    """An utterance as the ear tells it: some silence, then speech and silence in turn."""
    known: list[tuple[int, SpeechEdge]] = []
    at_ms = LEAD_MS
    for speech_ms, silence_ms in stretches:
        known.append((at_ms + START_KNOWN_MS, SpeechEdge(EdgeKind.STARTED, origin_ms + at_ms)))
        at_ms += speech_ms
        stopped = SpeechEdge(EdgeKind.STOPPED, origin_ms + at_ms)
        known.append((at_ms + STOP_KNOWN_MS, stopped))
        at_ms += silence_ms
    blocks = []
    for end_ms in range(BLOCK_MS, at_ms + BLOCK_MS, BLOCK_MS):
        edges = tuple(edge for when_ms, edge in known if end_ms - BLOCK_MS < when_ms <= end_ms)
        blocks.append(AudioBlock(numbered(end_ms - BLOCK_MS, end_ms), origin_ms + end_ms, edges))
    return blocks


WORDS = ("open", "the", "settings", "page", "and", "then", "show", "me", "the", "weather")
WORD_MS = 350


def numbered(start_ms: int, end_ms: int) -> Pcm:
    """Sound whose samples say which word they belong to: one follows the other, also in pauses."""
    return Pcm(np.repeat(np.arange(start_ms, end_ms) // WORD_MS, 16).astype("<i2").tobytes())


def spoken_in(request: WindowRequest) -> str:
    """The words of which a request holds at least a half."""
    numbers, lengths = np.unique(np.frombuffer(request.pcm.data, "<i2"), return_counts=True)
    whole = numbers[lengths >= WORD_MS * 16 // 2]
    return " ".join(f"{WORDS[number % len(WORDS)]}{number}" for number in whole)


@dataclass
class Run:
    """An utterance played to the policy; each answer comes a while after its request."""

    utterance: RollingWindow = field(default_factory=RollingWindow)
    requests: list[WindowRequest] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    stable: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    def ask(self, step_factor: int | None = 1) -> None:
        request = self.utterance.due(step_factor)
        if request is not None:
            self.requests.append(request)
            assert self.utterance.awaited == request.number

    def note(self, shown: object) -> None:
        if shown is not None:
            self.texts.append(shown.text)  # type: ignore[attr-defined]
            self.stable.append(shown.stable_text)  # type: ignore[attr-defined]
            if shown.is_settled:  # type: ignore[attr-defined]
                self.settled.append(shown.text)  # type: ignore[attr-defined]

    def answer(self, request: WindowRequest, text: str | None) -> None:
        if text is None:
            self.utterance.fail(request.number)
        else:
            self.note(self.utterance.receive(request.number, text, 0.5))


def play(
    stretches: list[Stretch],
    *,
    round_trip_ms: int = 400,
    answer: object = spoken_in,
    step_factor: int | None = 1,
) -> Run:
    """Play an utterance to its end with a recognizer that answers after a round trip."""
    run = Run()
    at_ms = 0
    due: dict[int, tuple[int, WindowRequest]] = {}
    for block in blocks_of(stretches):
        at_ms += BLOCK_MS
        run.note(run.utterance.add(block))
        before = len(run.requests)
        run.ask(step_factor)
        if len(run.requests) > before:
            request = run.requests[-1]
            due[request.number] = (at_ms + round_trip_ms, request)
        awaited = run.utterance.awaited
        if awaited is not None and due[awaited][0] <= at_ms:
            run.answer(due[awaited][1], answer(due[awaited][1]))  # type: ignore[operator]
    run.utterance.end()
    finish(run, answer)
    return run


def finish(run: Run, answer: object = spoken_in) -> None:
    """Answer what is asked after the end."""
    run.ask()
    for _ in range(3):
        if run.utterance.is_over:
            return
        assert run.utterance.awaited is not None
        text = answer(run.requests[-1])  # type: ignore[operator]
        run.answer(run.requests[-1], "" if text is None else text)
        run.ask()
    assert run.utterance.is_over


stretches = st.lists(
    st.tuples(st.integers(110, 6_000), st.integers(140, 3_000)), min_size=1, max_size=8
)


def most_sent_ms(said: list[Stretch]) -> int:
    """Audio that may be sent of an utterance."""
    return 4 * sum(speech_ms for speech_ms, _ in said) + 1_000


texts = st.lists(st.sampled_from(["a", "b", "c", "a,", "B.", "今", "日"]), max_size=6).map(" ".join)
answers = st.one_of(st.none(), texts)
"""None is a failure."""


@settings(max_examples=40, deadline=None)
@given(stretches, st.integers(0, 5_000), st.data())
def test_whatever_is_answered_stable_text_stays_and_the_cost_is_bounded(
    said: list[Stretch], round_trip_ms: int, data: st.DataObject
) -> None:
    run = play(said, round_trip_ms=round_trip_ms, answer=lambda _: data.draw(answers))
    for before, after in zip(run.stable, [*run.stable[1:], run.utterance.text], strict=False):
        assert after.startswith(before)
    for text, stable in zip(run.texts, run.stable, strict=True):
        assert text.startswith(stable)
    assert run.utterance.sent_ms <= most_sent_ms(said)
    assert run.utterance.sent_ms == sum(round(r.pcm.duration_ms) for r in run.requests)


@settings(max_examples=40, deadline=None)
@given(stretches, st.data())
def test_answers_in_any_order_some_lost_some_late_leave_no_utterance_open(
    said: list[Stretch], data: st.DataObject
) -> None:
    run = Run()
    for block in blocks_of(said):
        run.note(run.utterance.add(block))
        run.ask()
        if run.requests and data.draw(st.integers(0, 9)) == 0:
            old = data.draw(st.sampled_from(run.requests))
            is_awaited = run.utterance.awaited == old.number
            if data.draw(st.booleans()):
                run.utterance.fail(old.number)
            else:
                shown = run.utterance.receive(old.number, data.draw(texts), None)
                assert is_awaited or shown is None
                run.note(shown)
    run.utterance.end()
    finish(run, lambda _: data.draw(texts))
    for before, after in zip(run.stable, run.stable[1:], strict=False):
        assert after.startswith(before)


@settings(max_examples=30, deadline=None)
@given(stretches, st.integers(0, 1_500))
def test_a_true_recognizer_is_believed_word_for_word(
    said: list[Stretch], round_trip_ms: int
) -> None:
    final = play(said, round_trip_ms=round_trip_ms).utterance.text.split()
    # These words know nothing of pauses: at each, one may lie on both sides of a cut.
    numbers = [int("".join(filter(str.isdigit, word))) for word in final]
    assert numbers == sorted(numbers)
    assert len(numbers) - len(set(numbers)) < len(said)
    whole = sum(max(0, speech_ms // WORD_MS - 1) for speech_ms, _ in said)
    assert len(set(numbers)) >= whole - len(said)


@pytest.mark.parametrize("length_s", [3, 10, 60, 300])
@pytest.mark.parametrize("pause_ms", [0, 150, 300, 700])
def test_the_cost_of_short_and_long_turns_is_alike(length_s: int, pause_ms: int) -> None:
    speech_ms = 3_000 if pause_ms else length_s * 1_000
    said = [(speech_ms, max(pause_ms, 140))] * max(1, length_s * 1_000 // (speech_ms + pause_ms))
    run = play(said)
    spoken_ms = sum(stretch for stretch, _ in said)
    assert run.utterance.sent_ms <= 4 * spoken_ms
    assert any(request.purpose is Purpose.PARTIAL for request in run.requests)
    assert max(request.pcm.duration_ms for request in run.requests) <= MOST_WINDOW_MS + 5_500


def test_the_pass_at_a_pause_is_the_final() -> None:
    run = play([(1_500, 800)])
    assert run.requests[-1].purpose is Purpose.CLOSING
    assert run.settled == [run.utterance.text]
    assert run.requests[-1].until_ms < LEAD_MS + 1_500 + 300


def test_what_is_said_last_is_asked_at_once() -> None:
    run = Run()
    for block in blocks_of([(1_500, 140)])[: (LEAD_MS + 1_200) // BLOCK_MS]:
        run.utterance.add(block)
        run.ask()
    run.utterance.end()
    run.ask()
    assert run.requests[-1].purpose is Purpose.CLOSING
    assert run.requests[-1].until_ms == LEAD_MS + 1_200
    assert not run.utterance.is_over
    run.answer(run.requests[-1], "go home")
    assert run.utterance.is_over
    assert (run.utterance.text, run.utterance.confidence) == ("go home", 0.5)


def test_speech_after_the_pass_at_a_pause_is_asked_again() -> None:
    run = play([(1_500, 400), (800, 700)])
    final = [int("".join(filter(str.isdigit, word))) for word in run.utterance.text.split()]
    assert final[-1] >= (LEAD_MS + 1_500 + 400 + 800) // WORD_MS - 1
    assert run.settled[-1] == run.utterance.text


def test_a_window_is_closed_in_a_pause_and_sent_no_more() -> None:
    run = play([(3_000, 400), (1_000, 600)])
    assert run.requests[-1].pcm.duration_ms < 2_000
    assert run.requests[-1].prompt


def test_speech_without_a_pause_is_cut_where_it_is_quietest() -> None:
    run = play([(25_000, 600)])
    assert sum(request.purpose is Purpose.CUT for request in run.requests) == 3


def test_without_partials_only_pauses_are_asked_about() -> None:
    run = play([(1_500, 700)], step_factor=None)
    assert [request.purpose for request in run.requests] == [Purpose.CLOSING]


def test_an_utterance_of_silence_costs_nothing() -> None:
    run = Run()
    edge = SpeechEdge(EdgeKind.STOPPED, 0)
    run.utterance.add(AudioBlock(Pcm(bytes(32_000)), 1_000, (edge,)))
    run.utterance.end()
    run.ask()
    assert run.utterance.text == "" and run.utterance.confidence is None


def test_the_last_request_is_due_again_when_it_fails() -> None:
    run = Run()
    run.utterance.add(AudioBlock(Pcm(bytes(32_000)), 1_000))
    run.utterance.end()
    for _ in range(2):
        run.ask()
        run.answer(run.requests[-1], None)
    assert not run.utterance.is_over
    assert [request.pcm.duration_ms for request in run.requests] == [1_000, 1_000]
    assert run.utterance.sent_ms == 2_000


@pytest.mark.parametrize("round_trip_ms", [20, 400, 7_000])
@pytest.mark.parametrize("longest_ms", [0, 1_000, 7_000])
@pytest.mark.parametrize(
    "said",
    [
        [(3_000, 600)],
        [(40_000, 600)],
        [(300, 700)] * 40,
        [(300, 900)] * 40,
        [(400, 300)] * 40,
        [(1_500, 300)] * 20,
    ],
)
def test_what_is_sent_is_bounded_whatever_fails(
    said: list[Stretch], longest_ms: int, round_trip_ms: int
) -> None:
    def answer(request: WindowRequest) -> str | None:
        return None if request.pcm.duration_ms > longest_ms else spoken_in(request)

    run = play(said, round_trip_ms=round_trip_ms, answer=answer)
    assert run.utterance.sent_ms <= most_sent_ms(said)


@pytest.mark.parametrize("pause_ms", [150, 300, 700, 900])
@pytest.mark.parametrize("word_ms", [300, 400, 800])
def test_every_pause_is_asked_about_though_partials_wait(word_ms: int, pause_ms: int) -> None:
    said = [(word_ms, pause_ms)] * 30
    run = play(said, round_trip_ms=100)
    ends_ms = [LEAD_MS + word_ms + number * (word_ms + pause_ms) for number in range(len(said))]
    asked_ms = [request.until_ms for request in run.requests]
    missed = [at for at in ends_ms if not any(at < until <= at + pause_ms for until in asked_ms)]
    assert len(missed) <= 1
    assert run.utterance.sent_ms <= most_sent_ms(said)


def test_of_a_long_pause_little_is_sent() -> None:
    run = play([(1_000, 5_000), (1_000, 600)], answer=lambda _: None)
    assert run.requests[-1].pcm.duration_ms == 200 + 1_000 + 120 + 200 + 1_000 + 120


def test_a_busy_recognizer_gets_fewer_partials_and_then_none() -> None:
    load = RecognizerLoad()
    factors = []
    for _ in range(2 * CROWDED):
        factors.append(load.step_factor)
        load.begin()
    assert (factors[0], factors[CROWDED], load.step_factor) == (1, 2, None)
    for _ in range(2 * CROWDED):
        load.end(None)
    assert load.step_factor == 1
    for round_trip_ms in (SLOW_MS, 2 * SLOW_MS):
        load.begin()
        load.end(round_trip_ms)
        assert load.step_factor == (2 if round_trip_ms == SLOW_MS else None)
    for _ in range(40):
        load.begin()
        load.end(100)
    assert load.step_factor == 1


@pytest.mark.parametrize(
    ("last", "final"),
    [
        ("open the door now please", "open the door now please"),
        ("Open the door, now.", "open the door, now."),
        ("close the door now please", "open the door now please"),
        ("", "open the door"),
    ],
)
@pytest.mark.parametrize("silence_ms", [140, 700])
def test_the_final_keeps_what_was_shown_as_stable(silence_ms: int, last: str, final: str) -> None:
    def answer(request: WindowRequest) -> str:
        return "open the door now" if request.purpose is Purpose.PARTIAL else last

    run = play([(3_000, silence_ms)], answer=answer)
    assert "open the door" in run.stable
    assert run.utterance.text == final
