"""The package cedar-os as npm has it, against the bridge."""

import re
from urllib.parse import urlencode

import pytest
from playwright.async_api import Page, expect

from cedar_voice_service.server import open_server
from tests.support.bridge import Bridge, bridging
from tests.support.cedar_clients import Frontends, clips_played, until_said
from tests.support.service import LOCAL, settings

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
]

TOKEN = "let-me-in"
PATIENCE_MS = 20_000
WHOLE_AND_STREAM = pytest.mark.parametrize("mode", [{}, {"stream": ""}], ids=["whole", "stream"])


def application(bridge: Bridge, **query: str) -> str:
    """The application, set up for a bridge."""
    return f"cedar_os/index.html?{urlencode({'bridge': bridge.url, **query})}"


ALLOW_AND_TALK = """async () => {
    const press = (name) => document.getElementById(name).click();
    press('allow');
    const { dataset } = document.querySelector('main');
    while (dataset.permission !== 'granted') await new Promise(requestAnimationFrame);
    press('talk');
}"""
"""Presses both buttons from within the page: the microphone speaks from the moment that it is
allowed, and a busy machine takes long to press the second from outside."""


async def talk(page: Page, speech: str = "") -> None:
    """Say a sentence, or nothing for a moment, as a person does with two buttons."""
    await page.evaluate(ALLOW_AND_TALK)
    await until_said(page, speech)
    await page.get_by_text("Stop").click()


async def said(page: Page, role: str) -> str:
    """The one message of the user or the assistant."""
    return await page.locator(f"li[data-type=text][data-role={role}]").inner_text()


@pytest.mark.parametrize(
    ("mode", "speech", "words", "changed"),
    [
        ({}, "show_the_report", {"show", "report"}, ("data-page", "report")),
        ({"stream": ""}, "weather_in_london", {"weather", "london"}, ("data-city", "london")),
        ({}, "close_the_window", {"close", "window"}, ("data-window", "closed")),
    ],
    ids=["an-object", "one-of-a-list", "without-arguments"],
)
async def test_a_spoken_command_is_answered_and_changes_the_state(
    bridge: Bridge,
    frontends: Frontends,
    mode: dict[str, str],
    speech: str,
    words: set[str],
    changed: tuple[str, str],
) -> None:
    async with frontends.page(application(bridge, **mode), saying=speech) as page:
        main = page.locator("main")
        await talk(page, speech)
        await expect(main).to_have_attribute(*changed, timeout=PATIENCE_MS)
        await expect(main).to_have_attribute("data-processing", "false", timeout=PATIENCE_MS)
        await expect(main).to_have_attribute("data-speaking", "false", timeout=PATIENCE_MS)
        assert words <= set((await said(page, "user")).split())
        assert await said(page, "assistant")
        assert await clips_played(page)
        assert await main.get_attribute("data-error") is None


async def test_a_key_opens_and_a_wrong_one_is_told(frontends: Frontends) -> None:
    guard = {"auth_tokens": (TOKEN,)}
    async with (
        open_server(settings(**LOCAL, **guard)) as (address, _),
        bridging(address, **guard) as bridge,
    ):
        speech = "close_the_window"
        async with frontends.page(application(bridge, key="guessed")) as page:
            await talk(page)
            refusal = "Voice endpoint returned 401"
            await expect(page.locator("main")).to_have_attribute(
                "data-error", refusal, timeout=PATIENCE_MS
            )
        streaming = application(bridge, key=TOKEN, stream="")
        async with frontends.page(streaming, saying=speech) as page:
            await talk(page, speech)
            await expect(page.locator("main")).to_have_attribute(
                "data-window", "closed", timeout=PATIENCE_MS
            )


@WHOLE_AND_STREAM
async def test_silence_is_answered_with_nothing(
    bridge: Bridge, frontends: Frontends, mode: dict[str, str]
) -> None:
    async with frontends.page(application(bridge, **mode)) as page:
        main = page.locator("main")
        async with page.expect_response(lambda answer: answer.ok):
            await talk(page)
        await expect(main).to_have_attribute("data-processing", "false", timeout=PATIENCE_MS)
        assert await page.locator("li").count() == 0
        assert await main.get_attribute("data-error") is None


@WHOLE_AND_STREAM
async def test_a_service_that_is_away_is_told_and_ends_the_wait(
    frontends: Frontends, mode: dict[str, str]
) -> None:
    async with (
        bridging("127.0.0.1:1") as bridge,
        frontends.page(application(bridge, **mode)) as page,
    ):
        await talk(page)
        main = page.locator("main")
        await expect(main).to_have_attribute("data-error", re.compile("."), timeout=PATIENCE_MS)
        await expect(main).to_have_attribute("data-processing", "false", timeout=PATIENCE_MS)
