"""Forms that browsers send, and what else may arrive in their place."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cedar_voice_bridge.http.forms import Form
from tests.support.bridge import Bridge, bridging
from tests.support.http_clients import VOICE, form, post

NOWHERE = "127.0.0.1:1"
KIND = "multipart/form-data; boundary=b"


async def sent(bridge: Bridge, body: bytes, kind: str = KIND) -> int:
    """The status that answers a body."""
    headers = {"Content-Type": kind}
    async with bridge.http.post(bridge.url + VOICE, data=body, headers=headers) as answer:
        assert "message" in (await answer.json())["error"]
        return answer.status


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"", KIND, 400),
        (b"nothing", KIND, 400),
        (b"nothing", "multipart/form-data", 400),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n", KIND, 400),
        (b'--b\r\nContent-Disposition: form-data; name="settings"\r\n\r\n\xff\r\n--b--', KIND, 400),
        (b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n--b--", KIND, 400),
    ],
)
async def test_what_is_no_form_is_refused(body: bytes, kind: str, status: int) -> None:
    async with bridging(NOWHERE) as bridge:
        assert await sent(bridge, body, kind) == status


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from([b"--b", b"--", b"\r\n", b'name="audio"', b":", b"x", b"\0"])))
async def test_any_body_is_refused_or_understood(pieces: list[bytes]) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n'
    async with bridging(NOWHERE) as bridge:
        assert await sent(bridge, head + b"".join(pieces)) in (400, 413, 503)


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_that_is_too_large_is_refused_before_all_of_it_has_come(
    is_announced: bool,
) -> None:
    async with bridging(NOWHERE, max_upload_bytes=100_000) as bridge:
        data = form(audio=bytes(200_000))
        chunked = None if is_announced else True
        status, answer = await post(bridge, VOICE, data, chunked=chunked)
        assert (status, answer["error"]["code"]) == (413, "message_too_large")


async def test_a_field_that_is_too_long_and_too_many_of_them_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cedar_voice_bridge.http.forms.MAX_FIELD_BYTES", 1_000)
    async with bridging(NOWHERE) as bridge:
        long = form(audio=b"webm", context="x" * 1_001)
        assert (await post(bridge, VOICE, long))[0] == 413
        many = form(**{f"field{number}": "x" for number in range(65)})
        assert (await post(bridge, VOICE, many))[0] == 413


async def test_fields_that_nobody_knows_are_no_error() -> None:
    async with bridging(NOWHERE) as bridge:
        data = form(audio=b"webm", temperature="1", frontendTools={"a": 1})
        assert (await post(bridge, VOICE, data))[0] == 503  # as far as the service, which is away


async def test_a_body_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cedar_voice_bridge.http.forms.READ_TIMEOUT_S", 0.1)
    async with bridging(NOWHERE) as bridge:
        writer = aiohttp.ClientTimeout(total=5)

        async def stalled() -> AsyncIterator[bytes]:
            yield b"--b\r\n"
            await asyncio.Event().wait()

        async with bridge.http.post(
            bridge.url + VOICE, data=stalled(), headers={"Content-Type": KIND}, timeout=writer
        ) as answer:
            assert answer.status == 408


def test_a_file_that_came_as_text_is_told_from_one_that_did_not_come() -> None:
    came = Form({"audio": "hello"}, {})
    assert came.missing("audio").problem.message == "audio: is not a file"
    assert came.missing("audioChunk").problem.message == "audioChunk: is missing"
