"""Requests that nothing here answers: refused in JSON that pages of other origins may read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cedar_voice_bridge.http.refusals import convert_refusals, mark_begun, refusal_of
from cedar_voice_client import ErrorCode
from cedar_voice_client.errors import ServerFailed
from tests.support.bridge import bridging
from tests.support.http_clients import VOICE

APP = "https://app.example"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/../etc/passwd", 404, "not_found"),
        ("POST", f"{VOICE}/", 404, "not_found"),
        ("GET", f"{VOICE}/stream-response/", 404, "not_found"),
        ("GET", VOICE, 405, "method_not_allowed"),
        ("DELETE", f"{VOICE}/tickets", 405, "method_not_allowed"),
        ("POST", "/", 405, "method_not_allowed"),
        ("PUT", "/healthz", 405, "method_not_allowed"),
        ("GET", f"{VOICE}/ws", 400, "invalid_message"),
    ],
)
async def test_what_is_not_served_is_refused_in_json(
    method: str, path: str, status: int, code: str
) -> None:
    async with (
        bridging("127.0.0.1:1", allowed_origins=(APP,)) as bridge,
        bridge.http.request(method, bridge.url + path, headers={"Origin": APP}) as answer,
    ):
        error = (await answer.json())["error"]
        assert (answer.status, error["code"]) == (status, code)
        assert error["message"]
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert ("Allow" in answer.headers) is (status == 405)


@pytest.mark.parametrize("path", [f"{VOICE}/stream-response?sessionId=one", f"{VOICE}/ws"])
async def test_a_stream_has_no_headers_alone(path: str) -> None:
    async with bridging("127.0.0.1:1") as bridge, bridge.http.head(bridge.url + path) as answer:
        assert answer.status == 405


async def break_at_once(request: web.Request) -> web.StreamResponse:
    """A defect before the answer."""
    raise ZeroDivisionError("a secret")


async def break_later(request: web.Request) -> web.StreamResponse:
    """A defect in the middle of the answer."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"half of ")
    raise ZeroDivisionError("a secret")


@asynccontextmanager
async def asking(handler: Any) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer to a request that is served by a handler."""
    app = web.Application(middlewares=[convert_refusals])
    app.on_response_prepare.append(mark_begun)
    app.add_routes([web.get("/", handler)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            yield answer
    finally:
        await runner.cleanup()


async def test_a_defect_is_told_without_a_word_of_it() -> None:
    async with asking(break_at_once) as answer:
        assert answer.status == 500
        assert (await answer.json())["error"] == {"code": "internal", "message": "internal error"}


async def test_a_defect_ends_an_answer_that_has_begun() -> None:
    async with asking(break_later) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


@pytest.mark.parametrize(("retryable", "status"), [(False, 422), (True, 503)])
def test_a_recording_that_cannot_be_decoded_is_not_always_its_senders_fault(
    retryable: bool, status: int
) -> None:
    failure = ServerFailed("no", code=ErrorCode.AUDIO_DECODE_FAILED, retryable=retryable)
    refusal = refusal_of(failure)
    assert (refusal.status, refusal.problem.retryable) == (status, retryable)
    assert ("Retry-After" in refusal.response().headers) is retryable
