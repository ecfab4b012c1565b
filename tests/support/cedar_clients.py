"""The npm project of the Cedar frontends: built once, served as a site, opened in a browser."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page

from tests.support.checkout import ROOT, files
from tests.support.chromium import LEAD_MS, write_microphone
from tests.support.npm import installing, once
from tests.support.recordings import speech_pcm

PROJECT = ROOT / "tests" / "cedar_clients"
SITE = PROJECT / "dist"
NOT_BUILT = {".md", ".py"}

TAIL_MS = 250
"""The silence between the last word and the end of a recording: a recorder that is stopped drops
what its encoder has not finished."""


def installed(package: str) -> Path:
    """Return the folder of a package of the project, installed if necessary.

    Raises:
        RuntimeError: there is no npm, or it fails; the message has its output.
    """
    with installing(PROJECT):
        pass
    return PROJECT / "node_modules" / package


def build() -> None:
    """Install and build the parts that are not up to date.

    Raises:
        RuntimeError: there is no npm, or it fails; the message has its output.
    """
    SITE.mkdir(exist_ok=True)
    sources = [file for file in files() if file.is_relative_to(PROJECT)]
    built_of = [file for file in sources if file.suffix not in NOT_BUILT]
    with installing(PROJECT):
        once(PROJECT, SITE / ".stamp", built_of, "run", "build")


@asynccontextmanager
async def serving_site() -> AsyncIterator[str]:
    """Serve the frontends from an origin that is not the bridge's; the value is its URL."""
    app = web.Application()
    app.add_routes([web.static("/", SITE)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Frontends:
    """The site in one browser, with a microphone that plays a page's recording."""

    def __init__(self, browser: Browser, site: str, microphone: Path) -> None:
        self._browser = browser
        self._site = site
        self._microphone = microphone

    @asynccontextmanager
    async def page(
        self, path: str, *, saying: str = "", throwing: Sequence[str] = ()
    ) -> AsyncIterator[Page]:
        """Open a page.

        Args:
            path: which page, with its query.
            saying: the recorded speech that every microphone plays once from its opening, or
                nothing for silence.
            throwing: what the page's own code is known to throw.

        Raises:
            AssertionError: the page has thrown something else.
        """
        write_microphone(self._microphone, _speech(saying))
        thrown: list[str] = []
        page = await self._browser.new_page()
        page.on("pageerror", lambda error: thrown.append(error.message))
        for notes in ("playback.js", "microphone.js"):
            await page.add_init_script(path=PROJECT / notes)
        answer = await page.goto(f"{self._site}/{path}")
        assert answer is not None and answer.ok
        yield page
        await page.close()
        assert [error for error in thrown if error not in throwing] == []


async def until_said(page: Page, speech: str) -> None:
    """Wait until the microphone has played the recording and a moment of silence."""
    await page.evaluate(
        "durationMs => microphone.played(durationMs)",
        LEAD_MS + len(_speech(speech)) // 32 + TAIL_MS,
    )


def _speech(name: str) -> bytes:
    return speech_pcm(name) if name else b""


async def clips_played(page: Page) -> int:
    """Wait for the end of all clips, and return the number that the page has played.

    Raises:
        AssertionError: a clip failed, or none of its bytes was decoded.
    """
    await page.wait_for_function("sounds.every((sound) => sound.hasEnded || sound.failure)")
    noted: list[dict[str, Any]] = await page.evaluate("sounds")
    assert [sound["failure"] for sound in noted if sound["failure"]] == []
    assert all(sound["decodedBytes"] > 0 for sound in noted)
    return len(noted)
