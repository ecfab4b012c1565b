"""Choosing engines by the settings."""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from cedar_voice_service.errors import Stage
from cedar_voice_service.providers import registry
from cedar_voice_service.providers.catalog import describe, open_engines
from cedar_voice_service.providers.registry import EngineMissing, selected
from cedar_voice_service.providers.specification import primary_options
from cedar_voice_service.settings import ServiceSettings

NO_KEYS = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}
STAGES = (Stage.STT, Stage.LLM, Stage.TTS)


def choices(**values: object) -> dict[str, str]:
    settings = ServiceSettings.model_validate({**NO_KEYS, **values})
    return {stage.value: selected(primary_options(settings, stage)) for stage in STAGES}


@pytest.mark.parametrize(
    ("values", "openai"),
    [
        ({}, set()),
        ({"OPENAI_API_KEY": "key"}, {"stt", "llm", "tts"}),
        ({"OPENAI_BASE_URL": "http://localhost:1/v1"}, {"stt", "llm", "tts"}),
        ({"llm_api_key": "key"}, {"llm"}),
        ({"stt_base_url": "http://localhost:1/v1"}, {"stt"}),
        ({"OPENAI_API_KEY": "key", "tts_engine": "local"}, {"stt", "llm"}),
        ({"tts_engine": "openai"}, {"tts"}),
    ],
)
def test_auto_takes_openai_where_a_key_or_a_server_is_given(
    values: dict[str, object], openai: set[str]
) -> None:
    assert {stage for stage, choice in choices(**values).items() if choice == "openai"} == openai


async def test_the_embedded_engines_need_no_key_and_say_what_they_are() -> None:
    settings = ServiceSettings.model_validate({**NO_KEYS, "local_stt_workers": 1})
    async with open_engines(settings) as engines:
        lines = describe(engines)
    assert [line.split(" - ")[0] for line in lines] == [
        "speech to text: pocketsphinx en-us",
        "language model: scripted",
        "text to speech: espeak-ng",
    ]
    assert "demo quality" in lines[0]


async def test_the_openai_engines_open_without_a_connection() -> None:
    settings = ServiceSettings.model_validate({"OPENAI_API_KEY": "key", "OPENAI_BASE_URL": ""})
    async with open_engines(settings) as engines:
        assert {info.name for info in engines.infos.values()} == {"openai"}


async def test_realtime_transcription_is_chosen_by_name() -> None:
    settings = ServiceSettings.model_validate(
        {"OPENAI_API_KEY": "key", "OPENAI_BASE_URL": "", "stt_engine": "openai-realtime"}
    )
    async with open_engines(settings) as engines:
        line = describe(engines)[0]
    assert line.startswith("speech to text: openai-realtime gpt-live-transcribe")
    assert "while the user speaks" in line and "by OpenAI" in line


@pytest.mark.parametrize("package", ["pocketsphinx", "espeakng_loader"])
async def test_a_missing_package_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    found = importlib.util.find_spec

    def without(name: str) -> ModuleSpec | None:
        return None if name == package else found(name)

    monkeypatch.setattr(registry, "find_spec", without)
    settings = ServiceSettings.model_validate({**NO_KEYS, "local_stt_workers": 1})
    with pytest.raises(EngineMissing, match=r"pip install 'cedar-voice\[local\]'"):
        async with open_engines(settings):
            pass
