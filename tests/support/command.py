"""The `cedar-voice` command as a process of its own."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finished:
    """Exit status and output of a finished command."""

    exit_code: int
    out: str
    err: str


async def run_command(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None
) -> Finished:
    """Run the command to its end."""
    async with running_command(*arguments, cwd=cwd, environment=environment) as process:
        out, err = await process.communicate()
        assert process.returncode is not None
        return Finished(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def running_command(
    *arguments: str, cwd: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Process]:
    """Run the command for the duration of the context."""
    ours = {name: value for name, value in os.environ.items() if _is_neutral(name)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cedar_voice_cli",
        *arguments,
        cwd=cwd,
        env={**ours, **(environment or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def announced(process: Process) -> dict[str, str]:
    """Return the line that the command prints once it is ready."""
    assert process.stdout is not None
    said = b""
    async with asyncio.timeout(30):
        while b"Ctrl-C" not in said:
            line = await process.stdout.readline()
            assert line, said.decode()
            said += line
    return dict(re.findall(r"^  ([\w ]+?) {2,}(\S+)$", said.decode(), re.MULTILINE))


def _is_neutral(name: str) -> bool:
    return not name.startswith(("CEDAR_", "OPENAI_"))
