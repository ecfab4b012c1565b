"""The voice page in a real browser while processes behind it are killed."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from cedar_voice_service.server import open_server
from tests.support.bridge import bridging
from tests.support.mortal_service import mortal_bridge, mortal_service
from tests.support.service import LOCAL, settings
from tests.support.voice_page import decoded_seconds, is_connected, is_in, opened, recording

pytestmark = pytest.mark.xdist_group("browser")


async def test_a_killed_bridge_costs_a_pause_in_mid_utterance_and_in_mid_answer(
    tmp_path: Path,
) -> None:
    heard: list[dict[str, Any]] = []
    microphone = recording(tmp_path, "weather_in_london")
    async with (
        open_server(settings(**LOCAL)) as (service, _),
        mortal_bridge(tmp_path, service) as bridge,
        opened(bridge.url, microphone, heard=heard) as page,
    ):
        await is_connected(page)
        await page.get_by_role("button", name="Start the microphone").click()
        await is_in(page, "hearing")
        for state in ("hearing", "speaking"):
            await is_in(page, state)
            await bridge.kill()
            await page.wait_for_selector("body[data-connection=reconnecting]")
            await bridge.start()
            await is_connected(page)
        await is_in(page, "listening")
        user, answer = page.locator(".log .user"), page.locator(".log .assistant")
        await expect(user).to_have_count(1)
        await expect(answer).to_have_count(1)
        await expect(user).to_contain_text("weather in london")
        opened_as = [after for frame, after in pairwise(heard) if frame["type"] == "connected"]
        assert [ready["resumed"] for ready in opened_as] == [False, True, True]
        told = {(frame.get("seq"), frame["type"]): frame for frame in heard}
        kinds = [kind for _, kind in told]
        assert kinds.count("transcription_final") == kinds.count("audio_complete") == 1
        (complete,) = [told[place] for place in told if place[1] == "response_complete"]
        await expect(answer).to_contain_text(complete["text"])
        spoken_ms = {f["offsetMs"]: f["durationMs"] for f in heard if f["type"] == "audio_chunk"}
        assert await decoded_seconds(page) == pytest.approx(sum(spoken_ms.values()) / 1000, abs=0.2)


async def test_a_killed_service_is_a_pause_and_the_next_turn_works(tmp_path: Path) -> None:
    async with (
        mortal_service(tmp_path) as service,
        bridging(service.address) as bridge,
        opened(bridge.url) as page,
    ):
        await is_connected(page)
        await page.get_by_label("Message").fill("hello there")
        await page.keyboard.press("Enter")
        await is_in(page, "speaking")
        await service.kill()
        await page.get_by_label("Message").fill("and again")
        await page.keyboard.press("Enter")
        await service.start()
        await expect(page.locator(".log .assistant").last).to_contain_text("again")
        await is_in(page, "speaking")
        await is_connected(page)
        await expect(page.get_by_role("alert")).to_be_hidden()
