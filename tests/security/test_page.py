"""The security headers of the page, and of every other response."""

import pytest

from tests.support.bridge import bridging

PATHS = ["/", "/page.js", "/healthz", "/openapi.json", "/nowhere", "/api/voice/stream-response"]


async def test_the_page_may_use_the_microphone_and_be_framed_by_nobody() -> None:
    async with bridging("127.0.0.1:1") as bridge, bridge.http.get(bridge.url) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "microphone=(self)" in answer.headers["Permissions-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", PATHS)
async def test_no_answer_is_taken_for_something_else(path: str) -> None:
    async with bridging("127.0.0.1:1") as bridge, bridge.http.get(bridge.url + path) as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
