"""The processes that a benchmark measures: the slow provider and the real service."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

import cedar_voice.v1 as pb
from cedar_voice.v1 import voice_service_pb2_grpc

ROOT = Path(__file__).parents[1]
START_TIMEOUT_S = 30


class ProcessFailed(Exception):
    """A process did not come up; the message holds what it wrote."""


@asynccontextmanager
async def provider() -> AsyncIterator[str]:
    """Run the OpenAI stand-in with its usual latencies; gives its base URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.openai_standin",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if process.stdout is None:
            raise ProcessFailed("the provider has no output")
        async with asyncio.timeout(START_TIMEOUT_S):
            base_url = (await process.stdout.readline()).decode().strip()
        yield base_url
    finally:
        await _stop(process)


@asynccontextmanager
async def service(provider_url: str) -> AsyncIterator[str]:
    """Run the service on the provider, with its usual settings; gives its gRPC address.

    Raises:
        ProcessFailed: it ends, or does not serve in time.
    """
    address = f"127.0.0.1:{_free_port()}"
    engines = {f"CEDAR_{stage}_ENGINE": "openai" for stage in ("STT", "LLM", "TTS")}
    environment = engines | {
        "CEDAR_GRPC_ADDRESS": address,
        "CEDAR_LOG_LEVEL": "warning",
        "OPENAI_API_KEY": "benchmark",
        "OPENAI_BASE_URL": provider_url,
    }
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "cedar_voice_service",
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )
        try:
            if not await _comes_up(process, address):
                log.seek(0)
                raise ProcessFailed(log.read().decode(errors="replace"))
            yield address
        finally:
            await _stop(process)


async def _comes_up(process: asyncio.subprocess.Process, address: str) -> bool:
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(_is_serving(address))
        ended = tasks.create_task(process.wait())
        await asyncio.wait((serving, ended), return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        ended.cancel()
    return not serving.cancelled() and serving.result()


async def _is_serving(address: str) -> bool:
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


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
