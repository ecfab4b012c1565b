"""Conversations over a network that breaks, stalls and falls silent, with services that are killed.

SDK, servicer, sessions and delivery are the real ones; engines, network and clock are driven by a
seed. More seeds: `python -m tests.simulation --seeds 10000`.
"""

import pytest

from tests.simulation.regressions import REGRESSIONS
from tests.simulation.safeguards import BRIDGE_SAFEGUARDS, SAFEGUARDS
from tests.simulation.world import simulate

SEEDS_AT_ONCE = 30
SEEDS = range(0, 300, SEEDS_AT_ONCE)
SEEDS_OF_BRIDGES = range(0, 300, SEEDS_AT_ONCE)
SEEDS_WITHOUT = 300
"""Number of seeds in which a missing safeguard must be detected."""


@pytest.mark.parametrize("first", SEEDS)
def test_every_promise_holds(first: int) -> None:
    outcomes = [simulate(seed) for seed in range(first, first + SEEDS_AT_ONCE)]
    assert sum(outcome.inputs for outcome in outcomes) > SEEDS_AT_ONCE
    assert sum(outcome.resumes for outcome in outcomes) > 0
    assert sum(outcome.restores for outcome in outcomes) > 0


@pytest.mark.parametrize("first", SEEDS_OF_BRIDGES)
def test_every_promise_holds_behind_bridges_that_are_killed(first: int) -> None:
    seeds = range(first, first + SEEDS_AT_ONCE)
    outcomes = [simulate(seed, has_bridges=True) for seed in seeds]
    assert sum(outcome.inputs for outcome in outcomes) > SEEDS_AT_ONCE
    assert sum(outcome.resumes for outcome in outcomes) > SEEDS_AT_ONCE


@pytest.mark.parametrize("name", BRIDGE_SAFEGUARDS)
def test_a_missing_safeguard_of_bridges_is_noticed(name: str) -> None:
    with BRIDGE_SAFEGUARDS[name](), pytest.raises(Exception):  # noqa: B017
        for seed in range(SEEDS_WITHOUT):
            simulate(seed, has_bridges=True)


@pytest.mark.parametrize("seed", REGRESSIONS)
def test_a_seed_that_failed_once_passes(seed: int) -> None:
    simulate(seed)


@pytest.mark.parametrize("name", SAFEGUARDS)
def test_a_missing_safeguard_is_noticed(name: str) -> None:
    with SAFEGUARDS[name](), pytest.raises(Exception):  # noqa: B017
        for seed in range(SEEDS_WITHOUT):
            simulate(seed)
