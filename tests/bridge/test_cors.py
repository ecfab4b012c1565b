"""CORS headers for pages of other origins."""

from typing import Any

import pytest

from tests.support.bridge import Bridge, bridging
from tests.support.http_clients import VOICE, form

NOWHERE = "127.0.0.1:1"
APP = "https://app.example"
POLLED = f"{VOICE}/stream-response?sessionId=x"


async def ask(bridge: Bridge, method: str, path: str, **headers: str) -> tuple[int, Any]:
    """Status and headers of an answer."""
    data = form(audio=b"webm") if method == "POST" else None
    url = bridge.url + path
    async with bridge.http.request(method, url, data=data, headers=headers) as answer:
        return answer.status, answer.headers


@pytest.mark.parametrize("path", [VOICE, f"{VOICE}/stream", POLLED, "/api/chat/voice-execute"])
async def test_a_preflight_needs_no_token_and_names_authorization(path: str) -> None:
    async with bridging(NOWHERE, auth_tokens=("secret",), allowed_origins=(APP,)) as bridge:
        preflight = {"Origin": APP, "Access-Control-Request-Method": "POST"}
        status, headers = await ask(bridge, "OPTIONS", path, **preflight)
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == APP
    assert "authorization" in headers["Access-Control-Allow-Headers"]
    assert "POST" in headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_errors_can_be_read_by_the_page(method: str) -> None:
    path = POLLED if method == "GET" else VOICE
    async with bridging(NOWHERE, auth_tokens=("secret",), allowed_origins=(APP,)) as bridge:
        for token, expected in (("wrong", 401), ("secret", 503)):
            authorization = f"Bearer {token}"
            status, headers = await ask(
                bridge, method, path, Origin=APP, Authorization=authorization
            )
            assert status == expected
            assert headers["Access-Control-Allow-Origin"] == APP
        status, headers = await ask(bridge, "GET", "/nowhere", Origin=APP)
        assert (status, headers["Access-Control-Allow-Origin"]) == (404, APP)
    assert "Origin" in headers["Vary"]


@pytest.mark.parametrize(
    ("allowed", "origin", "is_admitted", "is_trusted"),
    [
        ((APP,), APP, True, True),
        ((APP,), "https://evil.example", False, False),
        ((), "http://localhost:3000", True, False),
        ((), "https://evil.example", False, False),
        (("*",), "https://evil.example", True, False),
        (("*", APP), APP, True, True),
    ],
)
async def test_who_may_ask_and_who_may_bring_credentials(
    allowed: tuple[str, ...], origin: str, is_admitted: bool, is_trusted: bool
) -> None:
    async with bridging(NOWHERE, allowed_origins=allowed) as bridge:
        status, headers = await ask(bridge, "POST", VOICE, Origin=origin)
    assert status == (503 if is_admitted else 403)
    assert ("Access-Control-Allow-Origin" in headers) is is_admitted
    assert ("Access-Control-Allow-Credentials" in headers) is is_trusted


async def test_a_program_without_origin_is_told_nothing() -> None:
    async with bridging(NOWHERE) as bridge:
        _, headers = await ask(bridge, "POST", VOICE)
    assert not [name for name in headers if name.startswith("Access-Control")]
