"""The processes of a benchmark: the measured ones share one core, the measuring ones the others."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

import aiohttp
import grpc

import cedar_voice.v1 as pb
from cedar_voice.v1 import voice_service_pb2_grpc

ROOT = Path(__file__).parents[1]
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130

_LOG_CHARS = 4_000


class ProcessFailed(Exception):
    """A process did not start, or ended; the message holds its output."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Cores of the measured and of the measuring processes; the same on a machine with one core."""

    measured: frozenset[int]
    measuring: frozenset[int]


@dataclass(frozen=True, slots=True)
class Product:
    """The running product: its addresses, its processes, and their census sockets."""

    grpc_address: str
    http_address: str
    pids: tuple[int, ...]
    censuses: Mapping[str, Path] = field(default_factory=dict)


@cache
def cores() -> Cores:
    """Divide the cores of this process."""
    first, *rest = sorted(os.sched_getaffinity(0))
    return Cores(frozenset({first}), frozenset(rest or {first}))


def attempt(benchmark: Coroutine[None, None, None]) -> int:
    """Run a benchmark on the measuring cores, and return the exit status of its process.

    Ctrl-C and SIGTERM end it together with its child processes; a failure is printed.
    """
    os.sched_setaffinity(0, cores().measuring)
    try:
        asyncio.run(_told(benchmark))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return EXIT_INTERRUPTED
    except ProcessFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return EXIT_FAILED
    return 0


async def _told(benchmark: Coroutine[None, None, None]) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await benchmark
    except* (ProcessFailed, OSError, aiohttp.ClientError) as failures:
        first: BaseException = failures
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise ProcessFailed(str(first) or type(first).__name__) from None


@asynccontextmanager
async def running(
    arguments: Sequence[str],
    on_cores: frozenset[int],
    *,
    environment: Mapping[str, str] | None = None,
    is_talked_to: bool = False,
    log: IO[bytes],
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a Python module on some cores, and terminate it on exit.

    With `is_talked_to` its standard input and output are pipes; its other output goes to `log`.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *arguments,
        cwd=ROOT,
        env=os.environ | (environment or {}),
        stdin=asyncio.subprocess.PIPE if is_talked_to else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE if is_talked_to else log,
        stderr=log,
        start_new_session=True,  # Ctrl-C reaches the command only, which ends the others in order
    )
    try:
        os.sched_setaffinity(process.pid, on_cores)
        yield process
    finally:
        await _stop(process)


@asynccontextmanager
async def provider(*options: str) -> AsyncIterator[str]:
    """Run the provider with its options, and yield its base URL.

    Raises:
        ProcessFailed: it does not start.
    """
    with tempfile.TemporaryFile() as log:
        arguments = ["benchmarks.provider", *options]
        on_cores = cores().measuring
        async with running(arguments, on_cores, is_talked_to=True, log=log) as process:
            assert process.stdout is not None
            async with asyncio.timeout(START_TIMEOUT_S):
                base_url = (await process.stdout.readline()).decode().strip()
            if not base_url:
                raise ProcessFailed(_text_of(log))
            yield base_url


@asynccontextmanager
async def product(
    provider_url: str,
    *,
    with_bridge: bool,
    settings: Mapping[str, str] | None = None,
    censuses: Path | None = None,
) -> AsyncIterator[Product]:
    """Run the service, and the bridge, by their commands, with the provider as the engine.

    Args:
        provider_url: provider of all three stages.
        with_bridge: whether the bridge runs as well.
        settings: environment variables that replace the defaults.
        censuses: folder for the sockets of `benchmarks.census`.

    Raises:
        ProcessFailed: one of them does not start.
    """
    grpc_address, http_address = _free_address(), _free_address()
    engines = {f"CEDAR_{stage}_ENGINE": "openai" for stage in ("STT", "LLM", "TTS")}
    environment = engines | {
        "CEDAR_GRPC_ADDRESS": grpc_address,
        "CEDAR_HTTP_ADDRESS": http_address,
        "CEDAR_MAX_SESSIONS": "10000",
        "OPENAI_API_KEY": "benchmark",
        "OPENAI_BASE_URL": provider_url,
        **(settings or {}),
    }
    addresses = {"service": grpc_address} | ({"bridge": http_address} if with_bridge else {})
    async with AsyncExitStack() as stack:
        pids, sockets = [], {}
        for name, address in addresses.items():
            command = ["cedar_voice_cli", name]
            if censuses is not None:
                sockets[name] = censuses / name
                command = ["benchmarks.census", str(sockets[name]), name]
            server = _server(command, environment, address)
            pids.append(await stack.enter_async_context(server))
        yield Product(grpc_address, http_address, tuple(pids), sockets)


@asynccontextmanager
async def _server(
    arguments: Sequence[str], environment: Mapping[str, str], address: str
) -> AsyncIterator[int]:
    """Start one command of the product, and yield its process id once it serves."""
    name = arguments[-1]
    with tempfile.TemporaryFile() as log:
        on_cores = cores().measured
        async with running(arguments, on_cores, environment=environment, log=log) as process:
            answers = _answers_grpc if name == "service" else _answers_http
            if not await _comes_up(process, answers(address)):
                raise ProcessFailed(f"{name}: {_text_of(log)}")
            yield process.pid
            if process.returncode is not None:
                raise ProcessFailed(f"{name} ended: {_text_of(log)}")


async def _comes_up(
    process: asyncio.subprocess.Process, answering: Coroutine[None, None, bool]
) -> bool:
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(answering)
        ended = tasks.create_task(process.wait())
        await asyncio.wait((serving, ended), return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        ended.cancel()
    return not serving.cancelled() and serving.result()


async def _answers_grpc(address: str) -> bool:
    async with grpc.aio.insecure_channel(address) as channel:
        stub: voice_service_pb2_grpc.VoiceServiceAsyncStub
        stub = voice_service_pb2_grpc.VoiceServiceStub(channel)
        try:
            await stub.GetServiceInfo(
                pb.GetServiceInfoRequest(), wait_for_ready=True, timeout=START_TIMEOUT_S
            )
        except grpc.aio.AioRpcError:
            return False
        return True


async def _answers_http(address: str) -> bool:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + START_TIMEOUT_S
    async with aiohttp.ClientSession() as http:
        while loop.time() < deadline_s:
            try:
                async with http.get(f"http://{address}/healthz") as answer:
                    return answer.ok
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.1)
    return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _text_of(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace").strip()[-_LOG_CHARS:]


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
