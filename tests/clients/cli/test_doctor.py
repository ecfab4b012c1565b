"""`cedar-voice doctor`: what it finds, and when it fails."""

import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from cedar_voice_cli import inventory, rehearsal
from cedar_voice_cli.inventory import Finding, Status
from cedar_voice_service.audio.formats import AudioBlock, Pcm
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.engines import Engines
from cedar_voice_service.providers.protocols import (
    EngineInfo,
    Hypothesis,
    ReplyEnd,
    ReplyRequest,
    SpeechRequest,
)
from cedar_voice_service.providers.registry import EngineMissing
from cedar_voice_service.settings import ServiceSettings
from tests.support.command import run_command


async def test_a_healthy_installation(tmp_path: Path) -> None:
    done = await run_command("doctor", cwd=tmp_path, environment={"OPENAI_API_KEY": "of nobody"})
    assert (done.exit_code, done.err) == (0, "")
    lines = [line.split() for line in done.out.splitlines()]
    assert {line[0] for line in lines} <= {"ok", "note"}
    for subject in ("cedar-voice", "python", "extra", "stt", "llm", "tts", "voice", "page", "gRPC"):
        assert subject in {line[1] for line in lines}


async def test_an_engine_without_its_key_is_missing(tmp_path: Path) -> None:
    done = await run_command(
        *("doctor", "--llm-engine", "openai"),
        cwd=tmp_path,
        environment={
            "CEDAR_STT_ENGINE": "openai",
            "CEDAR_TTS_ENGINE": "openai",
            "CEDAR_STT_API_KEY": "of nobody",
            "CEDAR_TTS_BASE_URL": "http://127.0.0.1:1/v1",
        },
    )
    assert done.exit_code == 1
    missing = [line for line in done.out.splitlines() if line.startswith("missing")]
    assert len(missing) == 1
    assert "llm" in missing[0] and "set OPENAI_API_KEY" in missing[0]


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(package: str) -> str:
        if package in ("aiohttp", "pocketsphinx"):
            raise metadata.PackageNotFoundError(package)
        return metadata.version(package)

    monkeypatch.setattr(inventory, "version", version)
    found = {finding.subject: finding for finding in inventory.extras()}
    assert found["extra bridge"] == Finding(
        "extra bridge", "without aiohttp: pip install 'cedar-voice[bridge]'", Status.MISSING
    )
    assert found["extra local"].status is Status.NOTE
    assert found["extra service"].status is Status.FINE
    assert "grpcio-status" in found["extra service"].text


def test_an_address_that_is_taken_or_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = f"127.0.0.1:{server.getsockname()[1]}"
        finding = inventory.address("page address", taken)
    assert finding.status is Status.NOTE
    assert "in use" in finding.text
    assert inventory.address("page address", taken).text == f"{taken} is free"
    assert inventory.obstacle_at("8080") == "not of the form host:port"
    assert inventory.obstacle_at("127.0.0.1:99999") == "not of the form host:port"
    assert inventory.obstacle_at("192.0.2.1:1")


class Healthy:
    """All three engines, and they work."""

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        heard_ms = sum([block.pcm.duration_ms async for block in audio])
        assert heard_ms == 1_000
        yield Hypothesis("", is_final=True)

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyEnd, None]:
        yield ReplyEnd()

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        yield Pcm(bytes(320))


class Broken(Healthy):
    """One engine fails, one says nothing."""

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyEnd, None]:
        raise EngineError(Stage.LLM, "no script")
        yield

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        return
        yield


def use(monkeypatch: pytest.MonkeyPatch, engine: Any) -> None:
    @asynccontextmanager
    async def open_engines(settings: ServiceSettings) -> AsyncIterator[Engines]:
        info = EngineInfo("embedded", "", "demo quality")
        yield Engines(engine, engine, engine, infos=dict.fromkeys(list(STAGES), info))

    monkeypatch.setattr(rehearsal, "open_engines", open_engines)


STAGES = (Stage.STT, Stage.LLM, Stage.TTS)


async def test_embedded_engines_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Healthy())
    findings = await rehearsal.rehearse(ServiceSettings())
    assert [finding.subject for finding in findings] == ["stt", "llm", "tts"]
    assert all(finding.text.startswith("embedded: demo quality (tried") for finding in findings)
    assert all(finding.status is Status.FINE for finding in findings)


async def test_embedded_engines_that_do_not_work_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Broken())
    _, llm, tts = await rehearsal.rehearse(ServiceSettings())
    assert llm == Finding("llm", "embedded does not work: no script", Status.MISSING)
    assert tts == Finding("tts", "embedded gives no result", Status.MISSING)


async def test_engines_that_cannot_be_opened_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def open_engines(settings: ServiceSettings) -> AsyncIterator[Engines]:
        raise EngineMissing("pocketsphinx is not installed")
        yield

    monkeypatch.setattr(rehearsal, "open_engines", open_engines)
    assert await rehearsal.rehearse(ServiceSettings()) == [
        Finding("engines", "pocketsphinx is not installed", Status.MISSING)
    ]
