"""Engines of another distribution: registered by an entry point, selected by the environment."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cedar_voice_service.audio.formats import Pcm
from cedar_voice_service.errors import Stage
from cedar_voice_service.providers import registry
from cedar_voice_service.providers.catalog import describe, open_engines
from cedar_voice_service.providers.protocols import Hypothesis, ReplyText, SpeechRequest
from cedar_voice_service.providers.registry import BUILT_IN, EngineMissing
from cedar_voice_service.providers.specification import EngineSpec
from cedar_voice_service.settings import ServiceSettings
from tests.support import acme_engines
from tests.support.command import run_command
from tests.support.openai_engines import QUESTION, recording

STAGES = (Stage.STT, Stage.LLM, Stage.TTS)


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The distribution, installed for one test."""
    acme_engines.install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("acme_voice", None)


def select(monkeypatch: pytest.MonkeyPatch, engine: str, fallback: str = "none") -> None:
    """Select an engine for every stage by the environment."""
    for stage in STAGES:
        monkeypatch.setenv(f"CEDAR_{stage.value.upper()}_ENGINE", engine)
        monkeypatch.setenv(f"CEDAR_{stage.value.upper()}_FALLBACK_ENGINE", fallback)


async def test_its_engines_are_repeated_and_replaced_by_their_fallback(
    acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    select(monkeypatch, "acme", "acme-spare")
    monkeypatch.setenv("CEDAR_ACME_WORD", "spare")
    async with open_engines(ServiceSettings(engine_attempts=3)) as engines:
        heard = [each async for each in engines.transcriber.transcribe(recording(), "en-US")]
        reply = [part async for part in engines.responder.respond(QUESTION)]
        speech = [each async for each in engines.synthesizer.synthesize(SpeechRequest("Hi."))]
        lines = describe(engines)
    module: Any = sys.modules["acme_voice"]
    assert module.attempts == [Stage.STT] * 3 + [Stage.LLM] * 3 + [Stage.TTS] * 3
    assert heard[-1] == Hypothesis("spare", is_final=True)
    assert reply[0] == ReplyText("spare")
    assert speech == [Pcm(bytes(320))]
    assert lines[2] == "text to speech: acme - of Acme; acme-spare stands in for it"


async def test_an_engine_is_loaded_when_a_setting_names_it_and_not_before(
    acme: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    select(monkeypatch, "auto")
    async with open_engines(ServiceSettings(local_stt_workers=1, decoding_workers=0)):
        assert "acme_voice" not in sys.modules
    monkeypatch.setenv("CEDAR_LLM_ENGINE", "acme-broken")
    with pytest.raises(EngineMissing, match="'acme-broken' does not load: No module named"):
        async with open_engines(ServiceSettings(local_stt_workers=1)):
            pass


@pytest.mark.parametrize(
    ("setting", "name", "choices"),
    [
        ("llm_engine", "brain", "auto, openai, local"),
        ("llm_engine", "openai-realtime", "auto, openai, local"),
        ("llm_fallback_engine", "brain", "none, openai, local"),
        ("stt_engine", "ear", "auto, openai, openai-realtime, local"),
        ("stt_fallback_engine", "auto", "none, openai, local"),
        ("stt_fallback_engine", "openai-realtime", "none, openai, local"),
    ],
)
async def test_an_engine_that_does_not_serve_the_stage_is_an_error_that_lists_the_names(
    acme: Path, setting: str, name: str, choices: str
) -> None:
    settings = ServiceSettings.model_validate({"local_stt_workers": 1, setting: name})
    with pytest.raises(EngineMissing) as caught:
        async with open_engines(settings):
            pass
    variable = f"CEDAR_{setting.upper()}"
    assert str(caught.value).startswith(f"{variable}: no engine {name!r} is registered for")
    assert str(caught.value).endswith(f"registered are {choices}, acme, acme-spare, acme-broken")


async def test_doctor_lists_them_and_tries_the_selected_ones(acme: Path, tmp_path: Path) -> None:
    done = await run_command(
        *("doctor", "--tts-engine", "acme-spare"),
        cwd=tmp_path,
        environment={"PYTHONPATH": str(acme), "CEDAR_LLM_ENGINE": "acme-spare"},
    )
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "ok engine acme registered by acme-voice 1.0" in lines
    tried = [line.partition(" (tried")[0] for line in lines if "(tried" in line]
    assert {"ok llm acme-spare: of Acme", "ok tts acme-spare: of Acme"} <= set(tried)


async def test_doctor_reports_an_engine_that_fails(acme: Path, tmp_path: Path) -> None:
    done = await run_command(
        *("doctor", "--llm-engine", "acme"), cwd=tmp_path, environment={"PYTHONPATH": str(acme)}
    )
    assert done.exit_code == 1
    assert "acme does not work: down" in done.out


def test_every_registration_of_this_package_leads_to_a_specification() -> None:
    specs = [entry.load() for entry in BUILT_IN]
    assert all(isinstance(spec, EngineSpec) and spec.stages for spec in specs)
    for stage in STAGES:
        assert {"auto", "openai", "local"} <= set(
            registry.names_by_setting()[f"{stage.value}_engine"]
        )
