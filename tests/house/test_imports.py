"""Each module can be imported alone; importing the SDK loads no package of the server."""

import subprocess
import sys
from pathlib import Path

from tests.support.checkout import sources

SERVER_SIDE = {
    "aiohttp",
    "av",
    "cedar_voice_bridge",
    "cedar_voice_service",
    "jwt",
    "openai",
    "pydantic",
    "structlog",
}
# Loads the libraries once, then each module in a child process of its own.
IMPORT_EACH = """
import os, sys, traceback
import cedar_voice.v1.voice_service_pb2_grpc
import aiohttp, av, grpc, jsonschema, jwt, msgspec, numpy, onnxruntime, openai
import openai.resources.realtime, pydantic_settings, rich, structlog, tenacity, typer, websockets

for module in sys.argv[1:]:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        continue
    try:
        __import__(module)
    except BaseException:
        print(module, traceback.format_exc(), flush=True)
    os._exit(0)
"""


def run(program: str, *arguments: str, cwd: Path) -> str:
    """Run a program in a fresh interpreter with warnings as errors; return its output."""
    command = (sys.executable, "-W", "error", "-c", program, *arguments)
    return subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, check=True, text=True).stdout


def test_each_module_imports_alone(tmp_path: Path) -> None:
    modules = sources()
    assert "cedar_voice_service.session.session" in modules
    assert not run(IMPORT_EACH, *modules, cwd=tmp_path)


def test_sdk_brings_nothing_of_the_servers_along(tmp_path: Path) -> None:
    loaded = run("import sys, cedar_voice_client; print(*sys.modules)", cwd=tmp_path).split()
    assert "cedar_voice_client" in loaded
    assert not SERVER_SIDE & set(loaded)
