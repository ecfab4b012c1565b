from dataclasses import replace

import pytest

from benchmarks.caller import Habits
from benchmarks.capacity import capacity_of
from benchmarks.figures import MEANINGS, Target, figures_of, p95, targets_of
from benchmarks.floor import FloorTurn
from benchmarks.level import Measured
from benchmarks.notes import Failure, Turn
from benchmarks.recording import load_recording
from benchmarks.usage import Usage

TURN = Turn(
    final_ms=200,
    first_text_ms=400,
    first_audio_ms=600,
    heard_ms=17_800,
    stall_ms=0,
    partials=4,
    stable_delays_ms=(300, 500),
    retractions=0,
    corrections=0,
)


def measured(*turns: Turn) -> Measured:
    return Measured(
        sessions=2,
        habits=Habits(),
        floor=[FloorTurn(200, 400, 800, 600)],
        floor_beside=[FloorTurn(200, 400, 880, 600)],
        turns=list(turns),
        idle=Usage(1_000, 100_000_000, 100_000_000),
        used=Usage(1_240, 101_000_000, 106_000_000),
        stt_audio_ms=2 * load_recording().duration_ms * len(turns),
    )


def test_latencies_are_set_beside_the_floor() -> None:
    figures = figures_of(measured(TURN, replace(TURN, first_audio_ms=680)))
    assert figures["first_audio_p50_ms"] == 640
    assert figures["first_audio_ratio"] == pytest.approx(0.8)
    assert figures["first_audio_clause_ratio"] == pytest.approx(640 / 600)
    assert figures["first_audio_spread"] == pytest.approx(676 / 640)
    assert figures["floor_beside_ratio"] == pytest.approx(1.1)


def test_costs_are_shared_among_the_turns_and_sessions() -> None:
    figures = figures_of(measured(TURN, TURN))
    assert figures["cpu_ms_per_turn"] == 120
    assert figures["memory_mb_per_session"] == 3
    assert figures["stt_s_per_speech_s"] == 2


def test_every_figure_is_there_and_none_where_nothing_was_measured() -> None:
    figures = figures_of(measured())
    assert list(figures) == list(MEANINGS)
    assert figures["first_audio_ratio"] is None
    assert figures_of(measured(TURN))["cut_p50_ms"] is None


def test_the_95th_percentile_lies_between_values() -> None:
    assert p95([5.0]) == 5.0
    assert p95([float(value) for value in range(101)]) == 95
    with pytest.raises(ValueError, match="no values"):
        p95([])


def test_a_target_is_missed_by_a_higher_figure_by_none_and_by_failed_turns() -> None:
    target = Target("first_audio_ratio", 0.75, (2,))
    level = measured(TURN)
    assert target.is_for(figures_of(level))
    assert target.is_met(figures_of(level))
    assert not target.is_met(figures_of(measured(replace(TURN, first_audio_ms=601))))
    assert not target.is_met(figures_of(measured()))
    level.failures.append(Failure("the product did not answer in time"))
    assert not target.is_met(figures_of(level))


@pytest.mark.parametrize(
    ("turn", "figure"),
    [(replace(TURN, retractions=1), "retractions"), (replace(TURN, corrections=1), "corrections")],
)
@pytest.mark.parametrize("habits", [Habits(), Habits(mode="server_vad")])
def test_no_stable_text_may_be_taken_back(habits: Habits, turn: Turn, figure: str) -> None:
    def missed(*turns: Turn) -> list[str]:
        level = replace(measured(*turns), habits=habits)
        figures = figures_of(level)
        return [each.figure for each in targets_of(level) if not each.is_met(figures)]

    assert set(missed(TURN, turn)) - set(missed(TURN)) == {figure}


def test_a_pause_before_the_stop_asks_for_more() -> None:
    level = measured(TURN)
    level.habits = Habits(pause_ms=400)
    assert Target("first_audio_ratio", 0.6, (10,)) in targets_of(level)
    level.habits = Habits(mode="server_vad")
    assert all(target.figure != "first_audio_ratio" for target in targets_of(level))


def test_the_capacity_is_the_highest_number_of_sessions_that_kept_within_the_limit() -> None:
    figures = figures_of(measured(TURN))
    ratios = {20: 0.8, 40: 1.2, 60: 1.3}
    curve = [
        figures | {"sessions": sessions, "first_audio_p95_ratio": ratio}
        for sessions, ratio in ratios.items()
    ]
    assert capacity_of(curve) == 40
    assert capacity_of(curve[2:]) == 0
