"""Position of speech in recordings whose speech we placed ourselves."""

import random
from array import array
from itertools import zip_longest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cedar_voice_service.audio import speech_detector
from cedar_voice_service.audio.formats import EdgeKind, Pcm, SpeechEdge
from cedar_voice_service.audio.silero import Silero
from cedar_voice_service.audio.speech_detector import HOLD_FRAMES, LEAD_IN_FRAMES, SpeechDetector
from tests.support.media import cut
from tests.support.recordings import speech_pcm

SECOND = 32_000
STARTED, STOPPED = EdgeKind.STARTED, EdgeKind.STOPPED


def edges_in(pcm: bytes, detector: SpeechDetector | None = None) -> list[SpeechEdge]:
    detector = detector or SpeechDetector(0.5, 100)
    return [edge for piece in cut(pcm, [3_200]) for edge in detector.feed(Pcm(piece))]


def scaled(pcm: bytes, gain: float) -> bytes:
    return array("h", [int(sample * gain) for sample in array("h", pcm)]).tobytes()


def noise(seconds: float, level: float) -> bytes:
    chance = random.Random(1)
    return array("h", [int(chance.gauss(0, level)) for _ in range(int(seconds * 16_000))]).tobytes()


def test_two_sentences() -> None:
    """The first lies at 2.0 to 3.72 s, the second at 4.92 to 6.17 s, with silence around each."""
    edges = edges_in(speech_pcm("two_sentences"))
    assert [edge.kind for edge in edges] == [STARTED, STOPPED, STARTED, STOPPED]
    for edge, expected_ms in zip(edges, [2_176, 3_680, 5_152, 6_112], strict=True):
        assert abs(edge.at_ms - expected_ms) < 32


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.02])
def test_quiet_speech_is_speech(gain: float) -> None:
    silence = bytes(2 * SECOND)
    started, stopped = edges_in(silence + scaled(speech_pcm("show_the_report"), gain) + silence)
    assert 2_100 <= started.at_ms <= 2_400
    assert 4_250 <= stopped.at_ms <= 4_450


@pytest.mark.parametrize("sound", [bytes(5 * SECOND), noise(5, 30), noise(5, 3_000)])
def test_no_speech(sound: bytes) -> None:
    assert edges_in(sound) == []


def test_speech_is_known_soon_after_it_starts_and_stops() -> None:
    detector = SpeechDetector(0.5, 100)
    pcm = bytes(SECOND) + speech_pcm() + bytes(SECOND)
    known_ms = [
        (block * 20 - edge.at_ms)
        for block, piece in enumerate(cut(pcm, [640]), start=1)
        for edge in detector.feed(Pcm(piece))
    ]
    assert len(known_ms) == 2
    assert known_ms[0] <= 160
    assert known_ms[1] <= 190


def test_short_sounds_are_not_reported() -> None:
    word = speech_pcm()[int(0.3 * SECOND) : int(0.55 * SECOND)]
    pcm = bytes(SECOND) + word + bytes(SECOND)
    assert [edge.kind for edge in edges_in(pcm, SpeechDetector(0.5, 60))] == [STARTED, STOPPED]
    assert edges_in(pcm, SpeechDetector(0.5, 600)) == []


def test_tuning_applies_from_then_on() -> None:
    detector = SpeechDetector(0.5, 100)
    sentence = bytes(SECOND) + speech_pcm() + bytes(SECOND)
    assert len(edges_in(sentence, detector)) == 2
    detector.tune(0.5, 5_000)
    assert edges_in(sentence, detector) == []
    detector.tune(0.5, 100)
    (started, _) = edges_in(sentence, detector)
    assert started.at_ms > 2 * 4_260 + 1_000


def test_the_end_of_the_sound_ends_speech() -> None:
    detector = SpeechDetector(0.5, 100)
    half = speech_pcm()[: SECOND + 10]
    (started,) = edges_in(half, detector)
    assert detector.is_in_speech
    (stopped,) = detector.flush()
    assert not detector.is_in_speech
    assert (started.kind, stopped) == (STARTED, SpeechEdge(STOPPED, 1_000))
    assert detector.flush() == []


def test_time_goes_on_after_the_end_of_the_sound() -> None:
    detector = SpeechDetector(0.5, 100)
    for _ in range(3):
        detector.feed(Pcm(bytes(SECOND + 100)))  # no whole number of frames
        detector.flush()
    edges_in(bytes(SECOND), detector)
    started, *_ = edges_in(speech_pcm(), detector)
    assert 4_150 <= started.at_ms <= 4_300


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 4_000).map(lambda samples: 2 * samples), min_size=1, max_size=20))
def test_blocks_of_any_length_make_the_same_edges(sizes: list[int]) -> None:
    pcm = speech_pcm("two_sentences")[4 * SECOND :]
    detector = SpeechDetector(0.5, 100)
    edges = [edge for piece in cut(pcm, sizes) for edge in detector.feed(Pcm(piece))]
    assert edges == edges_in(pcm)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["speech", "silence", "noise"]), st.integers(50, 900)),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 300),
)
def test_starts_and_stops_alternate_and_never_go_back(
    scenes: list[tuple[str, int]], min_speech_ms: int
) -> None:
    sounds = {"speech": speech_pcm()[9_600:], "silence": bytes(SECOND), "noise": noise(1, 2_000)}
    detector = SpeechDetector(0.5, min_speech_ms)
    pcm = b"".join(sounds[kind][: ms * 32] for kind, ms in scenes)
    edges = edges_in(pcm, detector) + detector.flush()
    assert [edge.kind for edge in edges] == [STARTED, STOPPED] * (len(edges) // 2)
    times = [edge.at_ms for edge in edges]
    assert times == sorted(times)
    assert all(0 <= at_ms <= len(pcm) / 32 for at_ms in times)


class CountingSilero(Silero):
    """Counts the frames it judges."""

    frames = 0

    def judge(self, frame: bytes) -> float:
        type(self).frames += 1
        return super().judge(frame)


@pytest.fixture
def silero(monkeypatch: pytest.MonkeyPatch) -> type[CountingSilero]:
    monkeypatch.setattr(speech_detector, "Silero", CountingSilero)
    monkeypatch.setattr(CountingSilero, "frames", 0)
    return CountingSilero


def test_silence_costs_no_judgement(silero: type[CountingSilero]) -> None:
    edges_in(bytes(20 * SECOND) + noise(20, 20))
    assert silero.frames <= 0.1 * 40_000 / 32


def test_speech_is_judged_with_its_surroundings_only(silero: type[CountingSilero]) -> None:
    edges_in(bytes(10 * SECOND) + speech_pcm() + bytes(10 * SECOND))
    speech_frames = 2_260 / 32
    assert speech_frames * 0.9 <= silero.frames <= speech_frames + LEAD_IN_FRAMES + 2 * HOLD_FRAMES


@pytest.mark.parametrize("gain", [1.0, 0.03])
def test_the_gate_changes_nothing_that_is_heard(gain: float) -> None:
    pcm = bytes(SECOND) + scaled(speech_pcm("two_sentences"), gain)
    ungated = edges_in(pcm, SpeechDetector(0.5, 100, is_gated=False))
    shifts_ms = [a.at_ms - b.at_ms for a, b in zip(edges_in(pcm), ungated, strict=True)]
    assert max(map(abs, shifts_ms)) <= 70


def test_detectors_do_not_hear_for_each_other() -> None:
    """They share a network, not what they heard."""
    detectors = SpeechDetector(0.5, 100), SpeechDetector(0.5, 100)
    sounds = speech_pcm("two_sentences"), bytes(SECOND) + speech_pcm()
    edges: tuple[list[SpeechEdge], list[SpeechEdge]] = ([], [])
    for pieces in zip_longest(*(cut(pcm, [1_600]) for pcm in sounds), fillvalue=b""):
        for detector, piece, found in zip(detectors, pieces, edges, strict=True):
            found += detector.feed(Pcm(piece))
    assert edges == (edges_in(sounds[0]), edges_in(sounds[1]))
