"""Simulates many seeds, on every core: `python -m tests.simulation --seeds 10000`.

Each failed seed is printed with its broken promise; add it to `tests/simulation/regressions.py`.
With `--without NAME` a safeguard is switched off, and the first seed that detects it is printed.
"""

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.safeguards import SAFEGUARDS
from tests.simulation.world import simulate

SEEDS_AT_ONCE = 50


def failures(seeds: range, without: str | None, *, has_bridges: bool) -> list[str]:
    """Return each failed seed with its failure."""
    if without is not None:
        with SAFEGUARDS[without]():
            return list(_failures(seeds, has_bridges))
    return list(_failures(seeds, has_bridges))


def _failures(seeds: range, has_bridges: bool) -> Iterator[str]:
    for seed in seeds:
        try:
            simulate(seed, has_bridges=has_bridges)
        except Exception as failure:  # noqa: BLE001 # any failure is reported with its seed
            yield f"seed {seed}: {failure!r}"


def main() -> int:
    """Run the command; see the module."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="number of seeds")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--without", choices=SAFEGUARDS, help="a safeguard to switch off")
    parser.add_argument("--bridges", action="store_true", help="pages behind bridges that die")
    arguments = parser.parse_args()
    end = arguments.first + arguments.seeds
    chunks = [
        range(at, min(at + SEEDS_AT_ONCE, end)) for at in range(arguments.first, end, SEEDS_AT_ONCE)
    ]
    failed = 0
    with ProcessPoolExecutor() as pool:
        run = partial(failures, without=arguments.without, has_bridges=arguments.bridges)
        for chunk, broken in zip(chunks, pool.map(run, chunks), strict=True):
            failed += len(broken)
            sys.stdout.writelines(f"{line}\n" for line in broken)
            if broken and arguments.without:
                pool.shutdown(cancel_futures=True)
                return 0
            if chunk.stop % 1_000 == 0:
                sys.stderr.write(f"{chunk.stop - arguments.first:,} seeds, {failed} failed\n")
    sys.stdout.write(f"{arguments.seeds:,} seeds, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
