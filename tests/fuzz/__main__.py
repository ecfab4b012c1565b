"""Fuzzes targets for a given time: `python -m tests.fuzz decoder --seconds 600`.

The first input that breaks a promise ends it; put that into `tests/fuzz/corpus/TARGET`.
"""

import argparse
import sys
import time

from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, Target

STALL_S = 0.5
"""Longest processor time for reading one input."""


class Stalled(Exception):
    """An input of at most `MAX_BYTES` takes longer than `STALL_S`."""


def timed(target: Target) -> Target:
    """Return a target that raises `Stalled` if the given one is slow."""

    def run(data: bytes) -> None:
        began_s = time.thread_time()
        target(data)
        if (took_s := time.thread_time() - began_s) > STALL_S:
            raise Stalled(f"{took_s:.2f} s for {len(data)} bytes")

    return run


def by_mutation(name: str, seconds: float) -> None:
    """Fuzz with hypothesis, a thousand inputs at a time."""
    target, until_s, count = timed(TARGETS[name]), time.monotonic() + seconds, 0

    @settings(
        max_examples=1_000,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(seeds(name)))
    def run(data: bytes) -> None:
        if time.monotonic() < until_s:
            target(data)

    while time.monotonic() < until_s:
        run()
        count += 1_000
        sys.stdout.write(f"{name}: {count:,} inputs, nothing broken\n")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    arguments = parser.parse_args()
    names = arguments.targets or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    for name in names:
        by_mutation(name, arguments.seconds)


if __name__ == "__main__":
    main()
