"""Beats: when what may wait is done."""

from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.session.pacing import BEAT_MS, on_beat, until_beat_s
from cedar_voice_service.session.response.text import ResponseText

NOW_MS = st.integers(0, 1 << 40)


@given(NOW_MS)
def test_a_beat_is_waited_for_and_no_other(at_ms: int) -> None:
    beat_ms = on_beat(at_ms)
    assert beat_ms % BEAT_MS == 0
    assert at_ms <= beat_ms < at_ms + BEAT_MS
    assert on_beat(beat_ms) == beat_ms


@given(NOW_MS, st.floats(-0.9, 0.9))
def test_what_is_done_on_every_beat_is_done_once_though_a_timer_is_early(
    at_ms: int, late_ms: float
) -> None:
    now_ms = on_beat(at_ms) + late_ms
    wait_ms = until_beat_s(now_ms / 1000) * 1000
    assert abs(wait_ms - BEAT_MS) < 2


def test_text_is_told_at_once_and_then_on_beats() -> None:
    script = ResponseText()
    told = {}
    for at_ms in range(10, 10 + 3 * BEAT_MS, 10):  # a model that writes every 10 ms
        script.write("x", 1, is_streamed=True)
        if text := script.pop_due(at_ms):
            told[at_ms] = len(text)
    assert told == {10: 1, BEAT_MS: 9, 2 * BEAT_MS: 10, 3 * BEAT_MS: 10}
