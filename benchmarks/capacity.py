"""Measure the number of sessions that one core serves before users notice.

    python -m benchmarks.capacity [--first 20] [--step 20] [--most 400]

The number of sessions rises step by step, each measured as by `benchmarks.turns`, until the 95th
percentile from stop to first audio is more than 1.25 times the floor, or until turns fail. The
result is the last number within that limit, and the curve up to it.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from rich.console import Console

from benchmarks import report
from benchmarks.caller import Habits
from benchmarks.figures import Figures, Target, figures_of
from benchmarks.level import measure
from benchmarks.processes import attempt
from benchmarks.turns import add_options, habits_of, title_of

WITHIN = Target("first_audio_p95_ratio", 1.25)
WANTED_SESSIONS = 100


async def run(options: argparse.Namespace, habits: Habits, curve: list[Figures]) -> None:
    """Measure up to the first number of sessions beyond the limit; append each to `curve`.

    Raises:
        ProcessFailed: the product, the provider or the load generator does not run.
    """
    with report.progress() as progress:
        for sessions in range(options.first, options.most + 1, options.step):
            bar = progress.add_task(f"{sessions} sessions", total=sessions * options.turns)
            level = await measure(
                sessions,
                options.turns,
                habits,
                generators=options.generators,
                advance=partial(progress.advance, bar),
            )
            curve.append(figures_of(level))
            for reason in sorted({failure.reason for failure in level.failures}):
                progress.console.print(f"{sessions} sessions: {reason}", markup=False)
            if not WITHIN.is_met(curve[-1]):
                return


def capacity_of(curve: Sequence[Figures]) -> int:
    """Return the highest number of sessions within the limit; 0 when none is."""
    kept = [int(level["sessions"] or 0) for level in curve if WITHIN.is_met(level)]
    return max(kept, default=0)


def show(curve: Sequence[Figures], options: argparse.Namespace, habits: Habits) -> None:
    """Print the curve and the capacity; write the requested files."""
    capacity = capacity_of(curve)
    is_cut_short = bool(curve) and WITHIN.is_met(curve[-1])
    console = Console()
    report.show(report.level_table(title_of(habits), curve), as_markdown=options.markdown)
    console.print(
        f"{'At least ' if is_cut_short else ''}{capacity} sessions on one core at p95 within "
        f"{WITHIN.at_most} of the floor; target {WANTED_SESSIONS}: "
        f"{'met' if capacity >= WANTED_SESSIONS else 'not tried' if is_cut_short else 'missed'}"
    )
    if options.json:
        figures = {"capacity": capacity, "is_cut_short": is_cut_short, "curve": curve}
        report.write_json(options.json, "capacity", vars(options), figures)
    if options.plot:
        report.plot_capacity(options.plot, curve, WITHIN.at_most)


def main() -> int:
    """Run the benchmark and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=int, default=20, metavar="N", help="sessions to start with")
    parser.add_argument("--step", type=int, default=20, metavar="N", help="sessions added per step")
    parser.add_argument("--most", type=int, default=400, metavar="N", help="most sessions to try")
    add_options(parser)
    options = parser.parse_args()
    habits = habits_of(options)
    curve: list[Figures] = []
    status = attempt(run(options, habits, curve))
    if curve:
        show(curve, options, habits)
    return status


if __name__ == "__main__":
    sys.exit(main())
