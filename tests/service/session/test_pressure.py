"""What is left out when the process is late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.session.load_shedding import SAMPLES, Pressure, Thresholds

THRESHOLDS = Thresholds(partials_ms=25, drafts_ms=50, sessions_ms=100)


def under(lag_ms: float) -> Pressure:
    pressure = Pressure(THRESHOLDS)
    for _ in range(SAMPLES):
        pressure.note(lag_ms)
    return pressure


@pytest.mark.parametrize(
    ("lag_ms", "sheds"),
    [
        (0, (False, False, False)),
        (25, (False, False, False)),
        (26, (True, False, False)),
        (51, (True, True, False)),
        (101, (True, True, True)),
    ],
)
def test_partials_go_first_then_drafts_then_sessions(
    lag_ms: float, sheds: tuple[bool, bool, bool]
) -> None:
    pressure = under(lag_ms)
    assert sheds == (pressure.sheds_partials, pressure.sheds_drafts, pressure.refuses_sessions)


def test_a_hiccup_is_no_pressure() -> None:
    pressure = Pressure(THRESHOLDS)
    for _ in range(SAMPLES - 1):
        pressure.note(500)
    assert not pressure.sheds_partials
    pressure.note(500)
    assert pressure.refuses_sessions


def test_it_is_over_with_the_first_moment_of_rest() -> None:
    pressure = under(500)
    pressure.note(0)
    assert not pressure.sheds_partials


@given(st.lists(st.floats(-10, 1_000), max_size=60))
def test_nothing_is_refused_before_drafts_and_no_draft_before_partials(lags: list[float]) -> None:
    pressure = Pressure(THRESHOLDS)
    for lag_ms in lags:
        pressure.note(lag_ms)
        assert pressure.refuses_sessions <= pressure.sheds_drafts <= pressure.sheds_partials
