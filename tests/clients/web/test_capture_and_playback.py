"""The browser package's microphone and player in a real browser, measured by what is heard."""

import base64
import wave
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import pi, sin
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page

from tests.support.checkout import ROOT
from tests.support.chromium import chromium
from tests.support.media import decoded_live, decoded_whole

pytestmark = pytest.mark.xdist_group("browser")

RATE_HZ = 16_000
BYTES_PER_MS = RATE_HZ * 2 // 1000
PATIENCE_MS = 20_000
SWEEP_HZ = 300
"""Where a sweep begins."""
SWEEP_HZ_PER_S = 300
"""How fast it rises: its pitch tells the time."""

RECORD = """async (options) => {
    const { Microphone } = await import("/microphone.js");
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await open(wanted));
    window.pieces = [];
    window.backlog = 0;
    window.microphone = new Microphone(
        (data, { begins }) => window.pieces.push({ data, begins }),
        () => {},
        { ...options, backlogBytes: () => window.backlog, constraints: {
            echoCancellation: false, noiseSuppression: false, autoGainControl: false } },
    );
}"""
START = """async () => {
    await window.microphone.start();
    window.startedAt = performance.now();
}"""
STOP = """async () => {
    const elapsedMs = performance.now() - window.startedAt;
    await window.microphone.stop();
    return { elapsedMs, pieces: window.pieces, tracks: window.stream.getTracks().map(
        (track) => track.readyState) };
}"""


@asynccontextmanager
async def opened(microphone: Path | None = None) -> AsyncIterator[Page]:
    """An empty page beside the modules of the package."""
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
            assert not problems
    finally:
        await runner.cleanup()


async def empty(request: web.Request) -> web.Response:
    """A page with nothing on it."""
    return web.Response(text="<!doctype html><title>empty</title>", content_type="text/html")


def sweep(path: Path, seconds: float = 8) -> Path:
    """A tone that rises steadily, as a recording for the microphone."""
    times = (sample / RATE_HZ for sample in range(round(seconds * RATE_HZ)))
    phases = (2 * pi * (SWEEP_HZ * t + SWEEP_HZ_PER_S * t * t / 2) for t in times)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(array("h", (round(16_000 * sin(phase)) for phase in phases)).tobytes())
    return path


def moment_ms(pcm: bytes) -> float:
    """When in the sweep the middle of these samples was: told by their pitch."""
    samples = array("h", pcm)
    rises = [at for at in range(1, len(samples)) if samples[at - 1] < 0 <= samples[at]]
    pitch_hz = (len(rises) - 1) * RATE_HZ / (rises[-1] - rises[0])
    return (pitch_hz - SWEEP_HZ) / SWEEP_HZ_PER_S * 1000


def length_ms(pcm: bytes) -> float:
    """How long it sounds."""
    return len(pcm) / BYTES_PER_MS


@dataclass(frozen=True, slots=True)
class Taken:
    """What a microphone handed over: each container's pieces, and for how long it was on."""

    containers: Sequence[Sequence[bytes]]
    elapsed_ms: float
    tracks: Sequence[str]

    @property
    def pieces(self) -> list[bytes]:
        """All of them."""
        return [piece for container in self.containers for piece in container]


async def pieces_are(page: Page, count: int) -> None:
    """Wait until so many pieces have been handed over."""
    await page.wait_for_function("count => window.pieces.length >= count", arg=count)


async def stop(page: Page) -> Taken:
    """End the recording."""
    ended: dict[str, Any] = await page.evaluate(STOP)
    containers: list[list[bytes]] = []
    for piece in ended["pieces"]:
        if piece["begins"]:
            containers.append([])
        containers[-1].append(base64.b64decode(piece["data"]))
    return Taken(containers, ended["elapsedMs"], ended["tracks"])


@pytest.mark.parametrize("encoding", ["opus", "pcm16"])
async def test_pieces_of_a_recording_are_one_recording(tmp_path: Path, encoding: str) -> None:
    async with opened(sweep(tmp_path / "sweep.wav")) as page:
        await page.evaluate(RECORD, {"encoding": encoding})
        await page.evaluate(START)
        await pieces_are(page, 25)
        taken = await stop(page)
    (pieces,) = taken.containers
    assert taken.tracks == ["ended"]
    assert all(piece[:4] != pieces[0][:4] for piece in pieces[1:])
    heard = decoded_live(pieces)
    assert length_ms(heard) == pytest.approx(taken.elapsed_ms, abs=200)
    assert len(pieces) == pytest.approx(length_ms(heard) / 100, abs=5)
    begin, end = heard[200 * BYTES_PER_MS : 300 * BYTES_PER_MS], heard[-100 * BYTES_PER_MS :]
    assert moment_ms(end) - moment_ms(begin) == pytest.approx(length_ms(heard) - 300, abs=60)


async def test_another_quality_is_another_recording_and_no_sound_is_lost(tmp_path: Path) -> None:
    async with opened(sweep(tmp_path / "sweep.wav")) as page:
        await page.evaluate(RECORD, {})
        await page.evaluate(START)
        await pieces_are(page, 15)
        await page.evaluate("window.backlog = 1e6")
        await page.wait_for_function("() => window.microphone.quality === 'medium'")
        await page.evaluate("window.backlog = 0")
        await page.wait_for_function("() => window.pieces.filter(p => p.begins).length === 2")
        await pieces_are(page, 35)
        taken = await stop(page)
    first, second = (b"".join(container) for container in taken.containers)
    high, medium = decoded_whole(first), decoded_whole(second)
    gap_ms = moment_ms(medium[: 100 * BYTES_PER_MS]) - moment_ms(high[-100 * BYTES_PER_MS :]) - 100
    assert abs(gap_ms) < 100
    assert len(second) / length_ms(medium) < 0.75 * len(first) / length_ms(high)
    live = decoded_live(taken.pieces)
    assert length_ms(live) == pytest.approx(length_ms(high + medium), abs=100)
    assert length_ms(live) == pytest.approx(taken.elapsed_ms, abs=250)


async def test_stopped_while_the_user_is_asked_it_lets_go(tmp_path: Path) -> None:
    async with opened(sweep(tmp_path / "sweep.wav")) as page:
        await page.evaluate(RECORD, {})
        await page.evaluate(
            "async () => { const begun = microphone.start(); await microphone.stop(); await begun }"
        )
        is_on, tracks = await page.evaluate(
            "[microphone.isOn, stream.getTracks().map((track) => track.readyState)]"
        )
        assert (is_on, tracks) == (False, ["ended"])
        await page.evaluate("async () => { await microphone.requestPermission() }")
        await page.evaluate(START)
        await page.wait_for_function("() => microphone.level > 0.1")
        assert (await stop(page)).tracks == ["ended"]
