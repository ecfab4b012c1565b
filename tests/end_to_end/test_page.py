"""The voice page in a real browser: a recording spoken into its microphone, an answer played."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from cedar_voice_service.server import open_server
from cedar_voice_service.settings import ServiceSettings
from tests.support.bridge import Bridge, bridging
from tests.support.chromium import chromium, write_microphone
from tests.support.openai_standin import OpenAIStandin
from tests.support.recordings import speech_pcm
from tests.support.service import LOCAL, settings, settings_of

pytestmark = pytest.mark.xdist_group("browser")
PATIENCE_MS = 20_000


@asynccontextmanager
async def backend(service: ServiceSettings, **bridge: Any) -> AsyncIterator[Bridge]:
    """A service with these settings, and a bridge to it."""
    async with open_server(service) as (address, _), bridging(address, **bridge) as running:
        yield running


@asynccontextmanager
async def opened(
    url: str, microphone: Path | None = None, sent: list[str] | None = None
) -> AsyncIterator[Page]:
    """The page in a browser that plays a recording into its microphone.

    Args:
        sent: takes the type of each frame that the page sends.
    """
    said = [] if sent is None else sent
    async with chromium(microphone) as browser:
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        problems: list[object] = []
        page.on("pageerror", lambda problem: problems.append(problem))
        page.on("websocket", lambda socket: socket.on("framesent", lambda frame: note(frame, said)))
        await page.goto(url)
        yield page
        assert not problems


def note(frame: str | bytes, kinds: list[str]) -> None:
    """Add the type of a frame to those before it."""
    kinds.append(json.loads(frame)["type"])


@pytest.fixture
async def calling() -> AsyncIterator[Bridge]:
    """A backend whose engines answer at once and at length."""
    async with OpenAIStandin() as standin, backend(settings_of(standin)) as bridge:
        yield bridge


def recording(folder: Path, *names: str) -> Path:
    """A recording for the microphone: these sentences, one at the heels of the other."""
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
    """How much answer audio the browser has decoded."""
    return float(await page.get_attribute("body", "data-decoded-seconds") or 0)


async def test_a_recording_is_understood_answered_and_spoken(tmp_path: Path) -> None:
    microphone = recording(tmp_path, "weather_in_london")
    async with backend(settings(**LOCAL)) as bridge, opened(bridge.url, microphone) as page:
        await is_connected(page)
        await page.get_by_role("button", name="Start the microphone").click()
        await is_in(page, "speaking")
        await expect(page.locator(".log .user")).to_contain_text("weather")
        await expect(page.locator(".log .assistant")).to_contain_text("weather")
        await is_in(page, "listening")
        assert await decoded_seconds(page) > 1
        await page.get_by_role("button", name="Stop the microphone").click()
        await is_in(page, "idle")
        await expect(page.get_by_role("alert")).to_be_hidden()


async def test_words_are_shown_as_they_come_and_stop_ends_the_turn(tmp_path: Path) -> None:
    names = ("weather_in_london", "show_the_report", "weather_in_berlin", "close_the_window")
    microphone = recording(tmp_path, *names)
    sent: list[str] = []
    async with backend(settings(**LOCAL)) as bridge, opened(bridge.url, microphone, sent) as page:
        await is_connected(page)
        await page.get_by_role("button", name="Start the microphone").click()
        await page.wait_for_selector(".log .user.pending")
        await page.get_by_role("button", name="Stop the microphone").click()
        await page.wait_for_selector(".log .user:not(.pending)")
        await is_in(page, "speaking")
        await expect(page.locator(".log .user")).not_to_contain_text("window")
    chunks = sent.count("audio_chunk")
    turn = [kind for kind in sent if kind != "ping"]
    assert turn == ["config", "start_listening", *["audio_chunk"] * chunks, "stop_listening"]


async def test_the_assistant_acts_on_the_page() -> None:
    async with backend(settings(**LOCAL)) as bridge, opened(bridge.url) as page:
        await is_connected(page)
        await page.get_by_role("button", name="Please change the theme to dark").click()
        await page.wait_for_selector("html[data-theme=dark]")
        await expect(page.locator(".log .note")).to_have_text("Changed the theme to dark")


async def test_an_answer_can_be_stopped(calling: Bridge) -> None:
    sent: list[str] = []
    async with opened(calling.url, sent=sent) as page:
        await is_connected(page)
        await page.get_by_role("button", name="What can you do?").click()
        await is_in(page, "speaking")
        await page.keyboard.press("Escape")
        await is_in(page, "idle")
        answer = page.locator(".log .assistant.interrupted")
        await expect(answer).to_be_visible()
        assert await decoded_seconds(page) < 17
        await page.get_by_label("Message").fill("And now?")
        await page.keyboard.press("Enter")
        await is_in(page, "speaking")
        await page.get_by_role("button", name="Stop", exact=True).click()
        await is_in(page, "idle")
        await expect(answer).to_have_count(2)
    assert sent.count("interrupt") == 2


async def test_it_comes_back_when_the_bridge_does() -> None:
    async with (
        OpenAIStandin() as standin,
        open_server(settings_of(standin)) as (service, _),
        AsyncExitStack() as running,
    ):
        bridge = await running.enter_async_context(bridging(service))
        async with opened(bridge.url) as page:
            await is_connected(page)
            await running.aclose()
            await page.wait_for_selector("body[data-connection=reconnecting]")
            async with bridging(service, http_address=bridge.address):
                await is_connected(page)
                await page.get_by_label("Message").fill("Still there?")
                await page.get_by_role("button", name="Send").click()
                await is_in(page, "speaking")


async def test_it_says_that_a_token_is_needed_and_takes_one() -> None:
    async with (
        OpenAIStandin() as standin,
        backend(settings_of(standin, auth_tokens=("key",)), auth_tokens=("key",)) as bridge,
    ):
        async with opened(f"{bridge.url}/#token=wrong") as page:
            await page.wait_for_selector("body[data-connection=refused]")
            await expect(page.get_by_role("alert")).to_contain_text("token")
        async with opened(f"{bridge.url}/#token=key") as page:
            await is_connected(page)


async def test_it_says_what_is_wrong_with_the_microphone(calling: Bridge) -> None:
    async with opened(calling.url) as page:
        await is_connected(page)
        await page.get_by_role("button", name="Start the microphone").click()
        await expect(page.get_by_role("alert")).to_contain_text("microphone")
        await page.get_by_role("button", name="Dismiss").click()
        await expect(page.get_by_role("alert")).to_be_hidden()
