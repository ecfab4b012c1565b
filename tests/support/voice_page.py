"""The voice page in a real browser, with a service and a bridge behind it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, WebSocket

from cedar_voice_service.server import open_server
from cedar_voice_service.settings import ServiceSettings
from tests.support.bridge import Bridge, bridging
from tests.support.chromium import chromium, write_microphone
from tests.support.recordings import speech_pcm

PATIENCE_MS = 20_000


@asynccontextmanager
async def backend(service: ServiceSettings, **bridge: Any) -> AsyncIterator[Bridge]:
    """Run a service with these settings, and a bridge to it."""
    async with open_server(service) as (address, _), bridging(address, **bridge) as running:
        yield running


@asynccontextmanager
async def opened(
    url: str,
    microphone: Path | None = None,
    sent: list[str] | None = None,
    heard: list[dict[str, Any]] | None = None,
) -> AsyncIterator[Page]:
    """Open the page in a browser that plays a recording into its microphone.

    Args:
        sent: collects the type of each frame that the page sends.
        heard: collects each frame that the page receives.
    """
    async with chromium(microphone) as browser:
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        problems: list[object] = []
        page.on("pageerror", lambda problem: problems.append(problem))
        page.on("websocket", lambda socket: overhear(socket, sent, heard))
        await page.goto(url)
        yield page
        assert not problems, problems


def overhear(socket: WebSocket, sent: list[str] | None, heard: list[dict[str, Any]] | None) -> None:
    """Collect the frames of a socket."""
    if sent is not None:
        socket.on("framesent", lambda frame: sent.append(json.loads(frame)["type"]))
    if heard is not None:
        socket.on("framereceived", lambda frame: heard.append(json.loads(frame)))


def recording(folder: Path, *names: str) -> Path:
    """Write a recording for the microphone: these sentences, without pauses between them."""
    path = folder / "microphone.wav"
    write_microphone(path, b"".join(map(speech_pcm, names)))
    return path


async def is_in(page: Page, state: str) -> None:
    """Wait until the page is in a state."""
    await page.wait_for_selector(f"body[data-state={state}]")


async def is_connected(page: Page) -> None:
    """Wait until the page has a session."""
    await page.wait_for_selector("body[data-connection=connected]")


async def decoded_seconds(page: Page) -> float:
    """Return the seconds of answer audio that the browser has decoded."""
    return float(await page.get_attribute("body", "data-decoded-seconds") or 0)
