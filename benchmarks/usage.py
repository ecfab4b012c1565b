"""Processor time and memory of processes and their children, as Linux accounts for them."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor time since the start of the processes, and current and peak resident memory."""

    cpu_ms: float
    rss_bytes: int
    peak_rss_bytes: int


NOTHING = Usage(0, 0, 0)


def usage_of(pids: Iterable[int]) -> Usage:
    """Return the sum over processes and their descendants; ended ones count for their parents."""
    cpu_ms = rss_bytes = peak_bytes = 0.0
    for pid in _family(pids):
        status = _status(pid)
        cpu_ms += _cpu_ms(pid)
        rss_bytes += status.get("VmRSS", 0)
        peak_bytes += status.get("VmHWM", 0)
    return Usage(cpu_ms, int(rss_bytes), int(peak_bytes))


def forget_peaks(pids: Iterable[int]) -> None:
    """Reset the peak of the memory to the current value."""
    for pid in _family(pids):
        (_PROC / str(pid) / "clear_refs").write_text("5")


def _family(pids: Iterable[int]) -> Iterator[int]:
    for pid in pids:
        yield pid
        try:
            tasks = list((_PROC / str(pid) / "task").iterdir())
            children = [
                child for task in tasks for child in (task / "children").read_text().split()
            ]
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield from _family(map(int, children))


def _cpu_ms(pid: int) -> float:
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # After the name: user and system time of the process and of its ended children.
    return sum(map(int, fields[11:15])) * 1000 / _TICKS_PER_S


def _status(pid: int) -> dict[str, int]:
    """Return the sizes in /proc/PID/status, in bytes."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    sizes = (line.split() for line in lines if line.endswith(" kB"))
    return {name.rstrip(":"): int(size) * 1024 for name, size, _ in sizes}
