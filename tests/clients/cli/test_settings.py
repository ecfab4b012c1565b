"""The table of the settings, and the flags that it promises."""

from pathlib import Path

import pytest

from cedar_voice_cli.flags import PROCESSES, Given, load, settings_of, with_flags
from cedar_voice_cli.settings import table
from cedar_voice_service.providers.openai.endpoint import OpenAISettings
from tests.support.checkout import ROOT
from tests.support.command import run_command

PAGE = ROOT / "docs" / "settings.md"


def test_the_page_is_what_the_command_prints() -> None:
    assert PAGE.read_text() == table(), "run `make format`"


@pytest.mark.parametrize("process", PROCESSES)
def test_every_setting_says_what_it_means(process: str) -> None:
    assert all(setting.description for setting in settings_of(process))


@pytest.mark.parametrize("process", PROCESSES)
def test_a_secret_is_no_flag(process: str) -> None:
    secret = {setting.variable for setting in settings_of(process) if setting.flag is None}
    named_so = {
        setting.variable
        for setting in settings_of(process)
        if setting.variable.endswith(("_API_KEY", "_JWT_KEY", "_TOKENS", "_TOKEN"))
    }
    assert secret == named_so


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEDAR_MAX_SESSIONS", "3")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://one.example")
    assert load("service", {}).sessions.max_sessions == 3
    assert load("service", {}).group(OpenAISettings).openai_base_url == "http://one.example"
    given = {"max_sessions": "4", "OPENAI_BASE_URL": "http://two.example"}
    assert load("service", given).sessions.max_sessions == 4
    assert load("service", given).group(OpenAISettings).openai_base_url == "http://two.example"


def test_lists_are_separated_by_commas() -> None:
    settings = load("bridge", {"allowed_origins": "https://a.example, https://b.example"})
    assert settings.access.allowed_origins == ("https://a.example", "https://b.example")


def test_a_flag_of_two_processes_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Given] = []
    command = with_flags("service", "bridge")(given.append)
    command(grpc_address="127.0.0.1:1", http_address=None)
    assert given == [{"grpc_address": "127.0.0.1:1"}]
    assert load("service", given[0]).grpc.address == load("bridge", given[0]).grpc.address


async def test_a_bad_value_is_one_line_that_names_the_setting(tmp_path: Path) -> None:
    done = await run_command(
        *("service", "--max-sessions", "none", "--log-level", "loud"),
        cwd=tmp_path,
        environment={"CEDAR_DECODING_WORKERS": "some"},
    )
    assert done.exit_code == 1
    assert [line.partition(": ")[0] for line in done.err.splitlines()] == [
        "error",
        "--max-sessions or CEDAR_MAX_SESSIONS",
        "--decoding-workers or CEDAR_DECODING_WORKERS",
    ]
    assert done.err.startswith("error: --log-level or CEDAR_LOG_LEVEL: ")


async def test_a_bad_value_of_an_engines_own_setting_names_the_setting(tmp_path: Path) -> None:
    done = await run_command("service", "--local-stt-workers", "0", cwd=tmp_path)
    assert done.exit_code == 1
    assert done.err.startswith("error: --local-stt-workers or CEDAR_LOCAL_STT_WORKERS: ")


async def test_an_unknown_engine_is_one_line_that_lists_the_known_ones(tmp_path: Path) -> None:
    done = await run_command("service", cwd=tmp_path, environment={"CEDAR_STT_ENGINE": "ear"})
    assert done.exit_code == 1
    assert done.err == (
        "error: CEDAR_STT_ENGINE: no engine 'ear' is registered for speech to text; "
        "registered are auto, openai, openai-realtime, local\n"
    )


async def test_help_lists_the_commands_without_anything_but_the_commands_extra(
    tmp_path: Path,
) -> None:
    blocker = tmp_path / "sitecustomize.py"
    blocker.write_text(
        "import sys\n"
        "for name in ('pydantic_settings', 'aiohttp', 'structlog', 'av', 'openai'):\n"
        "    sys.modules[name] = None\n"
    )
    without = {"PYTHONPATH": str(tmp_path), "COLUMNS": "200"}
    done = await run_command("--help", cwd=tmp_path, environment=without)
    assert (done.exit_code, done.err) == (0, "")
    for name in ("serve", "service", "bridge", "talk", "doctor", "settings"):
        assert name in done.out
    done = await run_command("serve", cwd=tmp_path, environment=without)
    assert done.exit_code == 1
    assert "pip install 'cedar-voice[service]'" in done.err
