"""The bridge's settings: lists by commas, and what cannot be."""

from typing import Any

import pytest
from pydantic import ValidationError

from cedar_voice_bridge.settings import BridgeSettings


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEDAR_ALLOWED_ORIGINS", "https://app.example, https://other.example")
    monkeypatch.setenv("CEDAR_AUTH_TOKENS", "one,two,")
    monkeypatch.setenv("CEDAR_BASE_PATHS", "/voice/")
    settings = BridgeSettings()
    assert settings.access.allowed_origins == ("https://app.example", "https://other.example")
    assert [token.get_secret_value() for token in settings.auth_tokens] == ["one", "two"]
    assert settings.base_paths == ("/voice",)


def test_tokens_are_not_shown() -> None:
    assert "secret" not in repr(BridgeSettings(auth_tokens=("secret",)))


@pytest.mark.parametrize(
    "wrong",
    [{"http_address": "no port"}, {"base_paths": ("voice",)}, {"send_timeout_ms": 0}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BridgeSettings(**wrong)
