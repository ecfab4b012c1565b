"""Each module imports alone; the SDK brings nothing of the server's along."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.checkout import sources

SERVER_SIDE = {
    "aiohttp",
    "av",
    "cedar_voice_bridge",
    "cedar_voice_service",
    "openai",
    "pydantic",
    "structlog",
}


def failure(module: str, cwd: Path) -> str:
    """What importing the module says in a fresh interpreter where every warning is an error."""
    command = (sys.executable, "-W", "error", "-c", f"import {module}")
    done = subprocess.run(command, cwd=cwd, capture_output=True, check=False, text=True)
    return f"{module}\n{done.stderr}" if done.returncode else ""


def test_each_module_imports_alone(tmp_path: Path) -> None:
    modules = sources()
    assert "cedar_voice_service.session.machine" in modules
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        failures = [
            said for said in pool.map(lambda name: failure(name, tmp_path), modules) if said
        ]
    assert not failures, "\n".join(failures)


def test_sdk_brings_nothing_of_the_servers_along(tmp_path: Path) -> None:
    program = "import sys, cedar_voice_client; print(*sys.modules)"
    loaded = subprocess.run(
        (sys.executable, "-c", program), cwd=tmp_path, capture_output=True, check=True, text=True
    ).stdout.split()
    assert "cedar_voice_client" in loaded
    assert not SERVER_SIDE & set(loaded)
