"""The programs and commands of the README do what it says, run as written but for the port."""

import asyncio
import json
import re
import shlex
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cedar_voice_service.server import open_server
from tests.support.checkout import ROOT
from tests.support.hearing import listen
from tests.support.service import LOCAL, settings

README = (ROOT / "README.md").read_text()
DEFAULT_ADDRESS = "127.0.0.1:50051"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    line
    for language, block in BLOCKS
    if not language
    for line in block.replace("\\\n", " ").splitlines()
]


@pytest_asyncio.fixture
async def address() -> AsyncIterator[str]:
    """The address of a service on embedded engines."""
    async with open_server(settings(**LOCAL)) as (address, _):
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like the checkout to the programs, and may be written to."""
    for name in ("tests", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


async def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints; it has to end well."""
    process = await asyncio.create_subprocess_exec(*command, cwd=cwd, stdout=PIPE, stderr=PIPE)
    async with asyncio.timeout(45):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_ten_lines_of_python_do_a_turn(address: str, folder: Path) -> None:
    (program,) = [block for language, block in BLOCKS if language == "python"]
    assert DEFAULT_ADDRESS in program
    printed = await run(sys.executable, "-c", program.replace(DEFAULT_ADDRESS, address), cwd=folder)
    assert "weather" in printed
    assert "london" in printed
    assert listen((folder / "answer.mp3").read_bytes()).duration_ms > 500


async def test_the_command_says_a_recording(address: str, folder: Path) -> None:
    (line,) = [line for line in COMMANDS if "cedar-voice talk" in line]
    printed = await run(*shlex.split(line), "--address", address, cwd=folder)
    assert "weather" in printed
    assert listen((folder / "answer.wav").read_bytes()).duration_ms > 500


async def test_calls_from_any_language(address: str, tmp_path: Path) -> None:
    lines = [shlex.split(line) for line in COMMANDS if line.startswith("grpcurl")]
    (info, talk) = [words for words in lines if "describe" not in words]
    answers = await call(info, address, tmp_path)
    assert [engine["stage"] for engine in answers[0]["engines"]]
    answers = await call(talk, address, tmp_path)
    assert "ready" in answers[0]
    assert any(answer.get("response", {}).get("completed", {}).get("text") for answer in answers)
    assert "metrics" in answers[-1]


async def call(grpcurl: list[str], address: str, cwd: Path) -> list[dict[str, Any]]:
    """The answers to a call of grpcurl, made by `buf curl`: the same, by reflection as well."""
    data = grpcurl[grpcurl.index("-d") + 1] if "-d" in grpcurl else "{}"
    assert grpcurl[-2] == DEFAULT_ADDRESS
    printed = await run(
        ROOT / ".venv" / "bin" / "buf",
        *("curl", "--protocol", "grpc", "--http2-prior-knowledge", "--data", data),
        f"http://{address}/{grpcurl[-1]}",
        cwd=cwd,
    )
    decoder, answers, rest = json.JSONDecoder(), [], printed.strip()
    while rest:
        answer, end = decoder.raw_decode(rest)
        answers.append(answer)
        rest = rest[end:].strip()
    return answers
