"""The npm project of the Cedar frontends: built once, served as a site, opened in a browser."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
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

CLOCK_ERROR_MS = 400
"""How late Chromium may report the end of a clip on a busy machine."""


def installed(package: str) -> Path:
    """The folder of a package of the project, installed when it is not there.

    Raises:
        RuntimeError: there is no npm, or it fails; the message has what it says.
    """
    with installing(PROJECT):
        pass
    return PROJECT / "node_modules" / package


def build() -> None:
    """Install and build what is not there in its present form.

    Raises:
        RuntimeError: there is no npm, or it fails; the message has what it says.
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
    """The site in one browser, whose microphone says what a page wants."""

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
        await page.add_init_script(path=PROJECT / "playback.js")
        answer = await page.goto(f"{self._site}/{path}")
        assert answer is not None and answer.ok
        yield page
        await page.close()
        assert [error for error in thrown if error not in throwing] == []


async def until_said(page: Page, speech: str) -> None:
    """Wait for as long as a microphone takes to say it: the clock is the recording."""
    await page.wait_for_timeout(LEAD_MS + len(_speech(speech)) // 32)


def _speech(name: str) -> bytes:
    return speech_pcm(name) if name else b""


@dataclass(frozen=True, slots=True)
class Sound:
    """One clip that a page has played; the clock is the page's."""

    ended_ms: float
    played_ms: float

    @property
    def began_ms(self) -> float:
        """When it began to sound: later than the browser reports, by the time its output takes."""
        return self.ended_ms - self.played_ms


async def sounds_of(page: Page) -> list[Sound]:
    """What the page has played, once all of it is over.

    Raises:
        AssertionError: a clip failed, or none of its bytes was decoded.
    """
    await page.wait_for_function("sounds.every((sound) => sound.endedMs ?? sound.failure)")
    noted: list[dict[str, Any]] = await page.evaluate("sounds")
    assert [sound["failure"] for sound in noted if sound["failure"]] == []
    assert all(sound["decodedBytes"] > 0 for sound in noted)
    return [Sound(s["endedMs"], s["playedMs"]) for s in noted]


def gaps_ms(sounds: Sequence[Sound]) -> list[float]:
    """The silence between each clip and the next; below zero they sound at once."""
    return [second.began_ms - first.ended_ms for first, second in pairwise(sounds)]
