"""Output of figures: tables on the terminal, a JSON file, a picture."""

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.figures import MEANINGS, Figures, Target

Verdict = tuple[Target, Figures]

mpl.rcParams["svg.hashsalt"] = "cedar-voice"  # makes the file reproducible


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the output."""
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures as JSON")
    parser.add_argument("--plot", type=Path, metavar="PATH", help="draw the figures: .svg or .png")


def progress() -> Progress:
    """Return a progress display on standard error, for one bar per level."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))


def written(value: float | None) -> str:
    """Format a figure with about three digits; None as a dash."""
    if value is None:
        return "–"
    if value == int(value) or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def level_table(title: str, levels: Sequence[Figures]) -> Table:
    """Return a table with a row per measured figure and a column per level."""
    table = Table(title=title, caption=surroundings(), show_header=False)
    table.add_column("figure")
    for figures in levels:
        table.add_column(written(figures["sessions"]), justify="right")
    for name, meaning in MEANINGS.items():
        values = [figures[name] for figures in levels]
        if any(value is not None for value in values):
            table.add_row(meaning, *map(written, values), end_section=name == "failed_turns")
    return table


def verdict_table(verdicts: Sequence[Verdict]) -> Table:
    """Return a table of the targets and whether each is met."""
    table = Table("target", "sessions", "at most", "is", "", title="Targets")
    for target, figures in verdicts:
        is_met = target.is_met(figures)
        table.add_row(
            MEANINGS[target.figure],
            written(figures["sessions"]),
            written(target.at_most),
            written(figures[target.figure]),
            "[green]met[/]" if is_met else "[red]missed[/]",
        )
    return table


def show(*tables: Table, as_markdown: bool) -> None:
    """Print tables, for a terminal or as Markdown."""
    for table in tables:
        if as_markdown:
            table.box = box.MARKDOWN
            table.show_header = True
        Console(width=None if not as_markdown else 200).print(table)


def machine() -> str:
    """Describe the machine, as far as figures depend on it."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}"


def surroundings() -> str:
    """Describe the machine, and its division between product and measurement."""
    return f"{machine()}; the product has one core, its measurement the others"


def write_json(path: Path, benchmark: str, options: Mapping[str, Any], figures: object) -> None:
    """Write the figures, with the options and the machine."""
    document = {
        "benchmark": benchmark,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "surroundings": machine(),
        "options": {name: value for name, value in options.items() if not isinstance(value, Path)},
        "figures": figures,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def plot_levels(path: Path, title: str, levels: Sequence[Figures]) -> None:
    """Draw latency, processor time, memory and stalls over the number of sessions."""
    picture = Figure(figsize=(10, 7), layout="constrained")
    picture.suptitle(title)
    axes = picture.subplots(2, 2).flatten()
    _curves(axes[0], levels, "ms from stop", "first_audio_p95_ms", "first_audio_p50_ms")
    _curves(axes[0], levels, "ms from stop", "floor_sentence_ms", "floor_clause_ms", style="--")
    _curves(axes[1], levels, "ms from stop", "final_p50_ms", "first_text_p50_ms")
    _curves(axes[2], levels, "ms", "cpu_ms_per_turn")
    _curves(axes[3], levels, "", "memory_mb_per_session", "stt_s_per_speech_s")
    picture.savefig(path)


def plot_capacity(path: Path, levels: Sequence[Figures], limit: float) -> None:
    """Draw the latency over the number of sessions, and its limit."""
    picture = Figure(figsize=(8, 5), layout="constrained")
    axes = picture.subplots()
    _curves(axes, levels, "x floor", "first_audio_p95_ratio", "first_audio_ratio")
    axes.axhline(limit, color="black", linestyle="--", label=f"limit {limit}")
    axes.legend(fontsize="small")
    picture.savefig(path)


def plot_bars(
    path: Path, title: str, names: Sequence[str], figures: Mapping[str, Sequence[float]]
) -> None:
    """Draw horizontal bars: one panel per figure, one bar per name."""
    picture = Figure(figsize=(10, 4), layout="constrained")
    picture.suptitle(title)
    for axes, (figure, bars) in zip(
        picture.subplots(1, len(figures), squeeze=False)[0], figures.items(), strict=True
    ):
        axes.barh(names, bars)
        axes.invert_yaxis()
        axes.set_title(figure, fontsize="small")
    picture.savefig(path)


def _curves(
    axes: Axes, levels: Sequence[Figures], unit: str, *names: str, style: str = "o-"
) -> None:
    for name in names:
        points = [(level["sessions"], level[name]) for level in levels if level[name] is not None]
        axes.plot(
            [sessions or 0 for sessions, _ in points],
            [value or 0 for _, value in points],
            style,
            label=MEANINGS[name],
        )
    axes.set_xlabel("sessions")
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0, top=axes.dataLim.y1 * 1.1 or 1)
    axes.legend(fontsize="small")
