"""The voice page in a real browser, told frame by frame what the service says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.support.bridge import bridging
from tests.support.chromium import chromium
from tests.support.voice_page import PATIENCE_MS, is_connected, is_in, recording

pytestmark = pytest.mark.xdist_group("browser")

NOWHERE = "127.0.0.1:1"
EBML_BASE64 = "GkXf"


@dataclass
class Service:
    """The other side of the page's sockets."""

    sockets: list[WebSocketRoute] = field(default_factory=list)
    sent: list[list[dict[str, Any]]] = field(default_factory=list)
    recording_began: asyncio.Event = field(default_factory=asyncio.Event)
    turn_ended: asyncio.Event = field(default_factory=asyncio.Event)

    def meet(self, socket: WebSocketRoute) -> None:
        """Take a socket, and welcome it; every one after the first goes on with the session."""
        frames: list[dict[str, Any]] = []
        self.sockets.append(socket)
        self.sent.append(frames)
        socket.on_message(lambda text: self.hear(frames, json.loads(text)))
        self.say(type="connected", sessionId="s")
        self.say(type="ready", sessionId="s", resumed=len(self.sockets) > 1, settings={})

    def hear(self, frames: list[dict[str, Any]], frame: dict[str, Any]) -> None:
        """Keep a frame of the page."""
        frames.append(frame)
        if frame["type"] == "audio_chunk":
            self.recording_began.set()
        elif frame["type"] == "stop_listening":
            self.turn_ended.set()

    def say(self, **frame: Any) -> None:
        """Say one frame at the newest socket."""
        self.sockets[-1].send(json.dumps(frame))


@asynccontextmanager
async def told(microphone: Path | None = None) -> AsyncIterator[tuple[Page, Service]]:
    """The page, and what it takes for its service."""
    service = Service()
    async with bridging(NOWHERE) as bridge, chromium(microphone) as browser:
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        problems: list[object] = []
        page.on("pageerror", lambda problem: problems.append(problem))
        await page.route_web_socket("**/ws?*", service.meet)
        await page.goto(bridge.url)
        await is_connected(page)
        yield page, service
        assert not problems, problems


async def test_what_stays_is_told_from_what_may_change() -> None:
    async with told() as (page, service):
        partial = {"type": "transcription_partial", "turnId": 1}
        service.say(**partial, text="show me the rapport", stableText="show me ")
        await expect(page.locator(".log .user .unstable")).to_have_text("the rapport")
        service.say(**partial, text="show me the report", stableText="show me the report")
        await expect(page.locator(".log .user")).to_have_text("show me the report")
        await expect(page.locator(".log .user .unstable")).to_be_empty()


async def test_a_turn_that_goes_on_is_one_bubble_and_its_void_answer_none() -> None:
    async with told() as (page, service):
        service.say(type="transcription_final", turnId=1, text="show me")
        service.say(type="response_start", turnId=1, responseId=1)
        service.say(type="response_chunk", turnId=1, responseId=1, text="What?")
        await expect(page.locator(".log .assistant")).to_have_text("What?")
        service.say(
            type="interruption",
            turnId=1,
            responseId=1,
            reason="turn_reopened",
            heardMs=0,
            keptText="",
        )
        service.say(type="audio_complete", turnId=1, responseId=1)
        service.say(
            type="transcription_partial", turnId=1, text="show me the report", stableText="show me"
        )
        await expect(page.locator(".log .user.pending .unstable")).to_have_text(" the report")
        service.say(type="transcription_final", turnId=1, text="show me the report")
        await expect(page.locator(".log .user:not(.pending)")).to_have_text("show me the report")
        await expect(page.locator(".log > *")).to_have_count(1)


async def test_it_shows_that_an_answer_is_held() -> None:
    async with told() as (page, service):
        service.say(type="response_start", turnId=1, responseId=1)
        service.say(type="hold", turnId=1, responseId=1, held=True)
        await is_in(page, "held")
        await expect(page.get_by_text("Paused while you speak")).to_be_visible()
        service.say(type="hold", turnId=1, responseId=1, held=False)
        await is_in(page, "thinking")
        service.say(type="hold", turnId=1, responseId=1, held=True)
        await is_in(page, "held")
        await page.keyboard.press("Escape")
        await is_in(page, "idle")


async def test_a_recording_goes_on_through_a_lost_connection(tmp_path: Path) -> None:
    async with told(recording(tmp_path, "weather_in_london", "show_the_report")) as (page, service):
        await page.get_by_role("button", name="Start the microphone").click()
        async with asyncio.timeout(PATIENCE_MS / 1000):
            await service.recording_began.wait()
        await service.sockets[0].close(code=1012)
        await page.wait_for_selector("body[data-connection=reconnecting]")
        stop = page.get_by_role("button", name="Stop the microphone")
        await expect(stop).to_be_enabled()
        await is_connected(page)
        await stop.click()
        await is_in(page, "idle")
        async with asyncio.timeout(PATIENCE_MS / 1000):
            await service.turn_ended.wait()
    kinds = [frame["type"] for frame in service.sent[1] if frame["type"] != "ping"]
    chunks = [frame for frame in service.sent[1] if frame["type"] == "audio_chunk"]
    assert kinds == ["config", *["audio_chunk"] * len(chunks), "stop_listening"]
    assert sum(frame["data"].startswith(EBML_BASE64) for frame in chunks) == 1
