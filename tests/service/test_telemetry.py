"""Logs: what becomes of who logs."""

import subprocess
import sys
from pathlib import Path

LOGGING = """
import structlog
from cedar_voice_shared.logs import configure_logs

configure_logs("info", "json")
for number in range(1_000):
    structlog.get_logger().info("a line", number=number)
print("went on")
"""


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(
            [sys.executable, "-c", LOGGING], stderr=full, stdout=subprocess.PIPE, text=True
        )
    assert told.stdout == "went on\n"


def test_lines_are_written() -> None:
    told = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True)
    assert told.stderr.count("a line") == 1_000
