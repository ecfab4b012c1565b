"""The browser package beside an empty page, in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from playwright.async_api import Page

from tests.support.checkout import ROOT
from tests.support.chromium import chromium

PATIENCE_MS = 20_000


@asynccontextmanager
async def opened(microphone: Path | None = None) -> AsyncIterator[Page]:
    """Open an empty page on the site of the package's modules."""
    app = web.Application()
    app.router.add_get("/", empty)
    app.router.add_static("/", ROOT / "clients" / "web")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with chromium(microphone) as browser:
            page = await browser.new_page()
            page.set_default_timeout(PATIENCE_MS)
            problems: list[object] = []
            page.on("pageerror", lambda problem: problems.append(problem))
            await page.goto(f"http://127.0.0.1:{runner.addresses[0][1]}/")
            yield page
            assert not problems, problems
    finally:
        await runner.cleanup()


async def empty(request: web.Request) -> web.Response:
    """Serve a page without content."""
    return web.Response(text="<!doctype html><title>empty</title>", content_type="text/html")
