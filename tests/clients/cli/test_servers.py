"""`serve`, `service` and `bridge` as users run them: processes that listen, and end in order."""

import asyncio
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from cedar_voice_cli.startup import connectable, page_url
from cedar_voice_client import VoiceClient
from tests.support.command import announced, run_command, running_command

ANY_PORT = "127.0.0.1:0"
NO_EMBEDDED_ENGINES = {"OPENAI_API_KEY": "unused"}
"""Selects the engines of OpenAI, which start no process; no test here sends them a request."""


@pytest.fixture
def taken() -> Iterator[str]:
    """Return an address that another socket listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


async def stopped_by(process: Process, number: signal.Signals) -> None:
    process.send_signal(number)
    async with asyncio.timeout(15):
        _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert b"Traceback" not in err


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
async def test_serve_runs_both_in_one_process(tmp_path: Path, ended_by: signal.Signals) -> None:
    async with running_command(
        *("serve", "--http-address", ANY_PORT, "--grpc-address", ANY_PORT),
        cwd=tmp_path,
        environment=NO_EMBEDDED_ENGINES,
    ) as process:
        addresses = await announced(process)
        async with aiohttp.ClientSession() as http, http.get(addresses["page"]) as response:
            assert response.status == 200
            assert "text/html" in response.headers["Content-Type"]
        async with VoiceClient(addresses["gRPC"]) as client:
            engines = (await client.service_info()).engines
            assert [engine.name for engine in engines] == ["openai"] * 3
            websocket = f"{addresses['page'].replace('http', 'ws')}api/voice/ws?sessionId=one"
            async with aiohttp.ClientSession() as http, http.ws_connect(websocket) as browser:
                assert (await browser.receive_json())["type"] == "connected"
                ready = await browser.receive_json(timeout=10)
                assert (ready["type"], ready["sessionId"]) == ("ready", "one")
        await stopped_by(process, ended_by)


async def test_service_runs_alone_and_lists_its_engines(tmp_path: Path) -> None:
    async with running_command(
        *("service", "--grpc-address", ANY_PORT, "--llm-model", "some-model"),
        cwd=tmp_path,
        environment={**NO_EMBEDDED_ENGINES, "CEDAR_LLM_MODEL": "another-model"},
    ) as process:
        addresses = await announced(process)
        async with VoiceClient(addresses["gRPC"]) as client:
            info = await client.service_info()
        assert info.engines[1].model == "some-model"
        await stopped_by(process, signal.SIGINT)


async def test_bridge_runs_alone(tmp_path: Path) -> None:
    async with running_command(
        *("bridge", "--http-address", ANY_PORT, "--grpc-address", "127.0.0.1:1"), cwd=tmp_path
    ) as process:
        addresses = await announced(process)
        assert addresses["service"] == "127.0.0.1:1"
        async with aiohttp.ClientSession() as http, http.get(addresses["page"]) as response:
            assert response.status == 200
        await stopped_by(process, signal.SIGINT)


@pytest.mark.parametrize(
    ("command", "flag"),
    [
        ("service", "--grpc-address"),
        ("bridge", "--http-address"),
        ("serve", "--grpc-address"),
        ("serve", "--http-address"),
    ],
)
async def test_a_taken_address_is_one_clear_line(
    tmp_path: Path, taken: str, command: str, flag: str
) -> None:
    elsewhere = {"CEDAR_GRPC_ADDRESS": ANY_PORT, "CEDAR_HTTP_ADDRESS": ANY_PORT}
    done = await run_command(
        *(command, flag, taken, "--log-level", "error"),
        cwd=tmp_path,
        environment={**NO_EMBEDDED_ENGINES, **elsewhere},
    )
    assert done.exit_code == 1
    problem = f"cannot listen on {taken}: Address already in use"
    assert done.err == f"error: {problem}. {flag} chooses another address.\n"


@pytest.mark.parametrize("command", ["service", "serve"])
async def test_an_engine_that_is_not_installed_is_one_line_with_the_remedy(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find_spec = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'pocketsphinx' else find_spec(name)\n"
    )
    done = await run_command(
        *(command, "--stt-engine", "local", "--log-level", "error"),
        cwd=tmp_path,
        environment={"PYTHONPATH": str(tmp_path), "CEDAR_GRPC_ADDRESS": ANY_PORT},
    )
    assert done.exit_code == 1
    assert done.err.startswith("error: the engine 'local' for speech to text is not installed")
    assert len(done.err.splitlines()) == 1


def test_url_of_the_page_for_this_machine() -> None:
    assert page_url("127.0.0.1:8080") == "http://127.0.0.1:8080/"
    assert page_url("0.0.0.0:8080") == page_url(":8080") == "http://127.0.0.1:8080/"
    assert page_url("[::]:8080") == "http://127.0.0.1:8080/"
    assert connectable("[::1]:8080") == "[::1]:8080"
