"""The files of the voice page, as the bridge serves them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cedar_voice_bridge.http import page
from tests.support.bridge import Bridge, bridging
from tests.support.checkout import ROOT


@pytest.fixture
async def bridge() -> AsyncIterator[Bridge]:
    """A bridge whose service is away."""
    async with bridging("127.0.0.1:1") as running:
        yield running


async def test_the_page_and_all_it_names_is_served(bridge: Bridge) -> None:
    async with bridge.http.get(f"{bridge.url}/") as answer:
        assert answer.status == 200
        html = await answer.text()
    named = re.findall(r'(?:src|href)="([^"#]+)"', html)
    assert named
    for name in named:
        async with bridge.http.get(f"{bridge.url}/{name}") as answer:
            assert answer.status == 200, name
            assert answer.content_type == page.CONTENT_TYPES[Path(name).suffix].split(";")[0]


async def test_the_page_runs_nothing_but_its_own_files(bridge: Bridge) -> None:
    async with bridge.http.get(f"{bridge.url}/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        html = await answer.text()
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'self'" in policy and "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon[a-z]+=", html)


async def test_nothing_else_is_served(bridge: Bridge) -> None:
    unserved = ("/tests/voice-client.test.js", "/package.json")
    for path in ("/nothing.js", "/..%2f..%2fpyproject.toml", "/.gitkeep", *unserved):
        async with bridge.http.get(f"{bridge.url}{path}") as answer:
            assert answer.status == 404, path


def test_a_checkout_serves_the_page_as_it_lies_there() -> None:
    assert page.folder() == ROOT / "clients" / "web"


def test_an_installed_page_comes_first(tmp_path: Path) -> None:
    package = tmp_path / "cedar_voice_bridge"
    (package / "web").mkdir(parents=True)
    (package / "web" / "index.html").write_text("<!doctype html>")
    assert page.folder(package) == package / "web"


def test_a_missing_page_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="voice page"):
        page.folder(tmp_path / "bridge" / "cedar_voice_bridge")
