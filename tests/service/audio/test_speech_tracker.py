"""A session's hearing: where speech is, on one time line over all recordings."""

import pytest

from cedar_voice_service.audio.formats import AudioBlock, EdgeKind
from cedar_voice_service.audio.speech_tracker import MAX_BLOCK_MS, SpeechTracker
from tests.support.media import decoded_live, recorded
from tests.support.recordings import speech_pcm

RECORDING = decoded_live(recorded("webm").blobs)
RECORDING_MS = 3_000


@pytest.fixture
def tracker() -> SpeechTracker:
    return SpeechTracker(0.5, 100)


def sound_of(heard: list[AudioBlock]) -> bytes:
    return b"".join(block.pcm.data for block in heard)


def edges_of(heard: list[AudioBlock]) -> list[tuple[str, int]]:
    return [(edge.kind.value, edge.at_ms) for block in heard for edge in block.edges]


def test_a_recording(tracker: SpeechTracker) -> None:
    heard = tracker.feed(RECORDING) + tracker.flush()
    assert sound_of(heard) == RECORDING
    (started, started_ms), (stopped, stopped_ms) = edges_of(heard)
    assert (started, stopped) == ("started", "stopped")
    assert 500 <= started_ms <= 800
    assert 2_000 <= stopped_ms <= 2_300


def test_blocks_are_short_and_time_is_without_gaps(tracker: SpeechTracker) -> None:
    at_ms = 0.0
    for block in tracker.feed(speech_pcm("two_sentences")):
        assert 0 < block.pcm.duration_ms <= MAX_BLOCK_MS
        at_ms += block.pcm.duration_ms
        assert block.end_ms == int(at_ms)
    assert int(at_ms) == 8_170


def test_edges_lie_behind_what_was_heard(tracker: SpeechTracker) -> None:
    for block in tracker.feed(speech_pcm("two_sentences")):
        assert all(edge.at_ms <= block.end_ms for edge in block.edges)


def test_time_goes_on_from_recording_to_recording(tracker: SpeechTracker) -> None:
    first, second = (tracker.feed(RECORDING) + tracker.flush() for _ in range(2))
    assert first[-1].end_ms == RECORDING_MS
    assert second[-1].end_ms == 2 * RECORDING_MS
    for (kind, at_ms), (again, again_ms) in zip(edges_of(first), edges_of(second), strict=True):
        assert kind == again
        assert abs(again_ms - at_ms - RECORDING_MS) <= 64


def test_speech_ends_with_the_recording(tracker: SpeechTracker) -> None:
    heard = tracker.feed(speech_pcm()[:32_000])
    assert tracker.is_in_speech
    heard += tracker.flush()
    assert not tracker.is_in_speech
    assert [kind for kind, _ in edges_of(heard)] == ["started", "stopped"]
    assert edges_of(heard)[-1][1] <= heard[-1].end_ms == 1_000


def test_speech_that_goes_on_in_a_new_recording_begins_anew(tracker: SpeechTracker) -> None:
    tracker.feed(speech_pcm()[:32_000])
    tracker.flush()
    heard = tracker.feed(speech_pcm()[32_000:])
    assert [kind for kind, _ in edges_of(heard)][:1] == ["started"]


def test_tuning(tracker: SpeechTracker) -> None:
    tracker.tune(0.5, 60_000)
    assert edges_of(tracker.feed(speech_pcm())) == []
    tracker.tune(0.5, 100)
    assert [edge.kind for block in tracker.feed(speech_pcm()) for edge in block.edges][:1] == [
        EdgeKind.STARTED
    ]
