"""Measure latencies and costs of turns at several numbers of sessions.

    python -m benchmarks.turns [--sessions 1 10 50 100] [--transport websocket] [--mode server_vad]

Users connect, speak 2.5 s in real time, stop, and hear an answer of 17.8 s or interrupt it. The
service, and for WebSocket the bridge, share one core; load generator and provider use the others.
Times are compared with the floor: the provider's three calls by hand with perfect pipelining, in
the same run. Where the server ends the turn, its silence is subtracted from the times. See
docs/benchmarks.md for the meaning of each figure.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import get_args

from rich.console import Console

from benchmarks import report
from benchmarks.caller import Habits
from benchmarks.figures import figures_of, targets_of
from benchmarks.level import Measured, measure
from benchmarks.lines import Transport, TurnMode
from benchmarks.processes import attempt
from benchmarks.recording import Encoding


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the users' behaviour and for the output."""
    parser.add_argument("--transport", choices=get_args(Transport), default="grpc")
    parser.add_argument("--mode", choices=get_args(TurnMode), default="manual")
    parser.add_argument("--encoding", choices=get_args(Encoding), default="webm")
    parser.add_argument(
        "--pause-ms", type=int, default=0, help="silence before the stop of push to talk"
    )
    parser.add_argument(
        "--silence-ms", type=int, default=500, help="silence that ends a turn, with server_vad"
    )
    parser.add_argument("--listen-s", type=float, default=2.0, help="then answers are interrupted")
    parser.add_argument("--whole", action="store_true", help="hear answers to the end")
    parser.add_argument("--no-drafts", action="store_true", help="draft no answers")
    parser.add_argument("--turns", type=int, default=2, help="per session")
    parser.add_argument("--generators", type=int, default=1, help="processes of the load generator")
    report.add_options(parser)


def habits_of(options: argparse.Namespace) -> Habits:
    """Return the users' behaviour, from the options."""
    return Habits(
        transport=options.transport,
        mode=options.mode,
        encoding=options.encoding,
        pause_ms=options.pause_ms,
        silence_ms=options.silence_ms,
        listen_s=0 if options.whole else options.listen_s,
        drafts=not options.no_drafts,
    )


def title_of(habits: Habits) -> str:
    """Return a title for the measurement."""
    heard = f"interrupted after {habits.listen_s:g} s" if habits.listen_s else "heard to the end"
    turn = (
        f"push to talk, stop {habits.pause_ms} ms after the recording"
        if habits.mode == "manual"
        else f"turns ended by {habits.silence_ms} ms of silence, subtracted from the times"
    )
    drafts = "" if habits.drafts else ", no drafts"
    return f"{habits.transport}, {habits.encoding}, {turn}, answers {heard}{drafts}"


async def run(options: argparse.Namespace, habits: Habits, levels: list[Measured]) -> None:
    """Measure each number of sessions, and append it to `levels`.

    Raises:
        ProcessFailed: the product, the provider or the load generator does not run.
    """
    with report.progress() as progress:
        for sessions in options.sessions:
            bar = progress.add_task(f"{sessions} sessions", total=sessions * options.turns)
            level = await measure(
                sessions,
                options.turns,
                habits,
                generators=options.generators,
                advance=partial(progress.advance, bar),
            )
            levels.append(level)


def show(levels: Sequence[Measured], options: argparse.Namespace, habits: Habits) -> None:
    """Print the tables and the reasons of failures; write the requested files."""
    figures = [figures_of(level) for level in levels]
    verdicts = [
        (target, own)
        for level, own in zip(levels, figures, strict=True)
        for target in targets_of(level)
        if target.is_for(own)
    ]
    report.show(
        report.level_table(title_of(habits), figures),
        report.verdict_table(verdicts),
        as_markdown=options.markdown,
    )
    console = Console(stderr=True)
    for level in levels:
        for reason in sorted({failure.reason for failure in level.failures}):
            console.print(f"{level.sessions} sessions: {reason}", style="red", markup=False)
    if options.json:
        report.write_json(options.json, "turns", vars(options), figures)
    if options.plot:
        report.plot_levels(options.plot, title_of(habits), figures)


def main() -> int:
    """Run the benchmark and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 10, 50, 100], metavar="N")
    add_options(parser)
    options = parser.parse_args()
    if options.encoding == "pcm" and options.transport == "websocket":
        parser.error("the bridge cannot detect raw samples: --encoding pcm needs --transport grpc")
    habits = habits_of(options)
    levels: list[Measured] = []
    status = attempt(run(options, habits, levels))
    if levels:
        show(levels, options, habits)
    return status or any(level.failures for level in levels)


if __name__ == "__main__":
    sys.exit(main())
