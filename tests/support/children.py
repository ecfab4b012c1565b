"""The child processes of this process, as Linux knows them."""

import json
import os
import select
from pathlib import Path

SPEAKER = "cedar_voice_service.providers.espeak.worker"
"""A module that a child process can run, and that starts fast."""

HELLO = json.dumps(
    {"text": "Hello", "language": "en-US", "variant": "", "words_per_minute": 175, "pitch": 50}
).encode()
"""A request that the module answers."""


def child_pids() -> set[int]:
    """Return the children that run, or have ended and were not waited for."""
    return pids_of_children("self")


def pids_of_children(process: int | str) -> set[int]:
    """Return the children of a process that run, or have ended and were not waited for."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def open_files(pid: int) -> set[int]:
    """The descriptors that a process has open."""
    return {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}


def wait_until_gone(pid: int, *, timeout_s: float) -> bool:
    """Wait for the end of any process, ours or not."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], timeout_s)[0])
    finally:
        os.close(process)
