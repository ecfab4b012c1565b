"""A process that is asked to end: what its clients are told, and what is left of it."""

import asyncio
import io
import signal
import wave
from asyncio.subprocess import Process
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cedar_voice_client import (
    OutputAudioConfig,
    SessionOptions,
    Unavailable,
    VoiceClient,
    VoiceSession,
    events,
)
from cedar_voice_service.server import SERVICE_NAME, open_server
from tests.support.bridge import Socket
from tests.support.children import pids_of_children, wait_until_gone
from tests.support.command import announced, running_command
from tests.support.service import LOCAL, settings

ANY_PORT = "127.0.0.1:0"
PACED = SessionOptions(output_audio=OutputAudioConfig(max_lead_ms=0))
LONG = "one two three four five six seven eight nine ten eleven twelve"


@dataclass(frozen=True, slots=True)
class Server:
    """A running process, where it listens, and where it may leave files."""

    process: Process
    page: str
    grpc_address: str
    temporary: Path


@asynccontextmanager
async def serving(folder: Path, *arguments: str) -> AsyncIterator[Server]:
    """`cedar-voice serve` on the embedded engines, which run in child processes."""
    temporary = folder / "temporary"
    temporary.mkdir()
    async with running_command(
        *("serve", "--http-address", ANY_PORT, "--grpc-address", ANY_PORT, *arguments),
        cwd=folder,
        environment={"TMPDIR": str(temporary), "PYTHONDEVMODE": "1"},
    ) as process:
        addresses = await announced(process)
        yield Server(process, addresses["page"], addresses["gRPC"], temporary)


async def heard(session: VoiceSession, kind: type[events.Event]) -> list[events.Event]:
    """What comes until an event of the kind."""
    told: list[events.Event] = []
    async with asyncio.timeout(20):
        async for event in session:
            told.append(event)
            if isinstance(event, kind):
                return told
    raise AssertionError(f"no {kind.__name__} in {told}")


async def health_of(address: str) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        request = health_pb2.HealthCheckRequest(service=SERVICE_NAME)
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return int((await stub.Check(request)).status)


async def readiness_of(server: Server) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{server.page}readyz") as answer:
        return answer.status


async def nothing_left(server: Server, children: set[int]) -> None:
    """The process ends well; no child, no file, no complaint of a task or a socket is left."""
    async with asyncio.timeout(30):
        _, err = await server.process.communicate()
    assert server.process.returncode == 0, err.decode()
    for trace in (b"Traceback", b"was never retrieved", b"was destroyed", b"ResourceWarning"):
        assert trace not in err, err.decode()
    assert all(wait_until_gone(pid, timeout_s=5) for pid in children)
    assert [*server.temporary.iterdir()] == []


@pytest.mark.timeout(120)
async def test_turns_in_progress_end_and_nothing_is_left(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as server,
        VoiceClient(server.grpc_address) as client,
        client.session(PACED, recovery=None) as busy,
        client.session(recovery=None) as idle,
    ):
        assert await health_of(server.grpc_address) == health_pb2.HealthCheckResponse.SERVING
        assert await readiness_of(server) == 200
        await busy.send_text(LONG)
        await heard(busy, events.AudioChunk)
        children = pids_of_children(server.process.pid)
        assert len(children) >= 2

        server.process.send_signal(signal.SIGTERM)
        (gone,) = [e for e in await heard(busy, events.GoAway) if isinstance(e, events.GoAway)]
        assert 0 < gone.time_left_ms <= 30_000
        not_serving = health_pb2.HealthCheckResponse.NOT_SERVING
        assert await health_of(server.grpc_address) == not_serving
        assert await readiness_of(server) == 503
        with pytest.raises(Unavailable):
            async with client.session():
                pass
        with pytest.raises(Unavailable):
            await heard(idle, events.TurnMetrics)

        rest = await heard(busy, events.TurnMetrics)
        chunks = [event for event in rest if isinstance(event, events.AudioChunk)]
        assert chunks and chunks[-1].is_last
        with pytest.raises(Unavailable):
            await heard(busy, events.TurnMetrics)
        await nothing_left(server, children)


@pytest.mark.timeout(120)
async def test_an_answer_in_progress_ends_in_the_browser_too(tmp_path: Path) -> None:
    async with serving(tmp_path) as server, aiohttp.ClientSession() as http:
        url = f"{server.page.replace('http', 'ws')}api/voice/ws?sessionId=one"
        async with http.ws_connect(url) as browser:
            await browser.send_json({"type": "text", "text": LONG})
            kinds = []
            async with asyncio.timeout(40):
                async for message in browser:
                    kinds.append(message.json()["type"])
                    if kinds[-1] == "audio_chunk" and kinds.count("audio_chunk") == 1:
                        server.process.send_signal(signal.SIGTERM)
        assert (
            kinds.index("audio_chunk") < kinds.index("audio_complete") < kinds.index("turn_metrics")
        )
        await nothing_left(server, set())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["a second signal", "a short grace"])
async def test_a_turn_that_takes_long_is_cut_off(tmp_path: Path, how: str) -> None:
    grace = ("--drain-timeout-ms", "500" if how == "a short grace" else "600000")
    async with (
        serving(tmp_path, *grace) as server,
        VoiceClient(server.grpc_address) as client,
        client.session(PACED, recovery=None) as busy,
    ):
        await busy.send_text(f"{LONG} {LONG} {LONG} {LONG} {LONG} {LONG} {LONG}")
        await heard(busy, events.AudioChunk)
        children = pids_of_children(server.process.pid)
        server.process.send_signal(signal.SIGTERM)
        await heard(busy, events.GoAway)
        if how == "a second signal":
            server.process.send_signal(signal.SIGTERM)
        with pytest.raises(Unavailable):
            await heard(busy, events.TurnMetrics)
        await nothing_left(server, children)


# -- the bridge alone ------------------------------------------------------------------------------


@asynccontextmanager
async def bridge_alone(folder: Path, *arguments: str) -> AsyncIterator[Server]:
    """`cedar-voice bridge` in front of a service that goes on."""
    async with (
        open_server(settings(**LOCAL)) as (address, _),
        running_command(
            *("bridge", "--http-address", ANY_PORT, "--grpc-address", address, *arguments),
            cwd=folder,
            environment={"PYTHONDEVMODE": "1"},
        ) as process,
    ):
        addresses = await announced(process)
        yield Server(process, addresses["page"], address, folder)


@asynccontextmanager
async def browser(server: Server, session_id: str) -> AsyncIterator[Socket]:
    """A browser's socket."""
    url = f"{server.page.replace('http', 'ws')}api/voice/ws?sessionId={session_id}"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        yield Socket(socket)


async def test_a_bridge_that_is_told_to_stop_ends_its_turns_first(tmp_path: Path) -> None:
    async with (
        bridge_alone(tmp_path) as server,
        browser(server, "busy") as busy,
        browser(server, "idle") as idle,
    ):
        await idle.hear_until("ready")
        await busy.say(type="text", text=LONG)
        await busy.hear_until("audio_chunk")
        server.process.send_signal(signal.SIGTERM)
        assert 0 < (await busy.hear_until("go_away"))["timeLeftMs"] <= 30_000
        assert await readiness_of(server) == 503
        assert await idle.closing() == 1001
        assert idle.kinds[-1] == "go_away"
        async with browser(server, "late") as late:
            assert await late.closing() == 1013
            assert late.heard[-1]["retryable"]
        assert await busy.closing() == 1001
        assert busy.kinds.index("audio_complete") < busy.kinds.index("turn_metrics")
        await nothing_left(server, set())


async def test_a_bridge_does_not_wait_for_a_turn_that_was_not_answered(tmp_path: Path) -> None:
    async with bridge_alone(tmp_path) as server, browser(server, "noise") as noise:
        await noise.say(type="start_listening")
        await noise.say(type="audio_chunk", data=b64encode(_silence(500)).decode())
        await noise.say(type="stop_listening")
        await noise.hear_until("turn_metrics")
        assert "response_start" not in noise.kinds
        server.process.send_signal(signal.SIGTERM)
        assert await noise.closing() == 1001
        await nothing_left(server, set())


def _silence(duration_ms: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setparams((1, 2, 16_000, 0, "NONE", ""))
        recording.writeframes(bytes(32 * duration_ms))
    return file.getvalue()


async def test_a_bridge_waits_for_no_turn_for_long(tmp_path: Path) -> None:
    grace = ("--drain-timeout-ms", "200")
    async with bridge_alone(tmp_path, *grace) as server, browser(server, "busy") as busy:
        await busy.say(type="text", text=f"{LONG} {LONG} {LONG} {LONG}")
        await busy.hear_until("audio_chunk")
        server.process.send_signal(signal.SIGTERM)
        await busy.hear_until("go_away")
        assert await busy.closing() == 1001
        assert "turn_metrics" not in busy.kinds
        await nothing_left(server, set())
