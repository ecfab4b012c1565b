"""Work that is left out while the process lags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.session.load_shedding import SAMPLES, LoadMonitor, Thresholds

THRESHOLDS = Thresholds(partials_ms=25, drafts_ms=50, sessions_ms=100)


def under(lag_ms: float) -> LoadMonitor:
    load_monitor = LoadMonitor(THRESHOLDS)
    for _ in range(SAMPLES):
        load_monitor.record(lag_ms)
    return load_monitor


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
    load_monitor = under(lag_ms)
    assert sheds == (
        load_monitor.sheds_partials,
        load_monitor.sheds_drafts,
        load_monitor.refuses_sessions,
    )


def test_a_hiccup_is_no_load_monitor() -> None:
    load_monitor = LoadMonitor(THRESHOLDS)
    for _ in range(SAMPLES - 1):
        load_monitor.record(500)
    assert not load_monitor.sheds_partials
    load_monitor.record(500)
    assert load_monitor.refuses_sessions


def test_it_is_over_with_the_first_moment_of_rest() -> None:
    load_monitor = under(500)
    load_monitor.record(0)
    assert not load_monitor.sheds_partials


@given(st.lists(st.floats(-10, 1_000), max_size=60))
def test_nothing_is_refused_before_drafts_and_no_draft_before_partials(lags: list[float]) -> None:
    load_monitor = LoadMonitor(THRESHOLDS)
    for lag_ms in lags:
        load_monitor.record(lag_ms)
        assert (
            load_monitor.refuses_sessions
            <= load_monitor.sheds_drafts
            <= load_monitor.sheds_partials
        )
