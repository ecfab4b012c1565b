"""The voice page in a real browser: a recording spoken into its microphone, an answer played."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from cedar_voice_service.server import open_server
from tests.support.bridge import Bridge, bridging
from tests.support.identities import AUDIENCE, KEY, signed
from tests.support.openai_script import Latencies
from tests.support.openai_standin import OpenAIStandin
from tests.support.service import LOCAL, settings, settings_of
from tests.support.voice_page import (
    PATIENCE_MS,
    backend,
    decoded_seconds,
    is_connected,
    is_in,
    opened,
    recording,
)

pytestmark = pytest.mark.xdist_group("browser")

WAVE_REACHES = """async ([least, most]) => {
    const canvas = document.getElementById("waveform");
    const tallest = () => {
        const { width, height } = canvas;
        const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
        const drawn = (x, y) => data[(y * width + x) * 4 + 3] > 0;
        return Math.max(...Array.from({ length: width }, (_, x) =>
            Array.from({ length: height }, (_, y) => drawn(x, y)).filter(Boolean).length));
    };
    while (tallest() < least || tallest() > most) await new Promise(requestAnimationFrame);
}"""
"""Waits until the tallest bar is so many pixels high. (Polling by Playwright is against the page's
security policy.)"""

HOLD_THE_TONGUE = """() => {
    const devices = navigator.mediaDevices;
    const open = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (wanted) => {
        const stream = await open(wanted);
        window.speak = (speaks) => { stream.getAudioTracks()[0].enabled = speaks };
        speak(false);
        return stream;
    };
}"""
"""Lets a recording be heard by the microphone only while the test says so."""

LISTEN = """() => {
    const { connect } = AudioNode.prototype;
    AudioNode.prototype.connect = function (to, ...others) {
        if (to instanceof AudioDestinationNode) {
            window.ear ??= new AnalyserNode(to.context, { fftSize: 32768 });
            connect.call(this, window.ear);
        }
        return connect.call(this, to, ...others);
    };
}"""
OUTLIVE = """async (address) => {
    const { VoiceClient } = await import("/voice-client.js");
    window.client = new VoiceClient(address, {}, () => nextToken());
    window.heard = [];
    client.on("status", (status) => heard.push(status));
    const expiring = new Promise((resolve) => client.on("token_expiring", resolve));
    client.connect();
    await expiring;
    heard.push("expiring");
    return heard;
}"""
"""Connects a client, and waits until its token expires soon."""

ASK = """() => new Promise((resolve) => {
    client.on("pong", resolve);
    client.send({ type: "ping", sentAt: 1 });
})"""
HEARS = """async (isSound) => {
    const samples = new Float32Array(ear.fftSize);
    const newest = samples.subarray(-ear.context.sampleRate / 2);
    do {
        await new Promise(requestAnimationFrame);
        ear.getFloatTimeDomainData(samples);
    } while (newest.some((sample) => Math.abs(sample) > 0.01) !== isSound);
}"""
"""Waits until there was sound, or none, in the last half second at the loudspeaker. (Chromium stops
to fill an analyser that hears nothing when a few of its oldest samples may still be sound.)"""


@pytest.fixture
async def calling() -> AsyncIterator[Bridge]:
    """A backend whose engines answer at once and at length."""
    async with OpenAIStandin() as standin, backend(settings_of(standin)) as bridge:
        yield bridge


async def wave_reaches(page: Page, least_px: int, most_px: int) -> None:
    """Wait until the tallest bar of the waveform is so high."""
    async with asyncio.timeout(PATIENCE_MS / 1000):
        await page.evaluate(WAVE_REACHES, [least_px, most_px])


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
        await page.wait_for_selector(".log .user.pending .unstable:not(:empty)")
        await page.get_by_role("button", name="Stop the microphone").click()
        await page.wait_for_selector(".log .user:not(.pending)")
        await is_in(page, "speaking")
        await expect(page.locator(".log .user")).not_to_contain_text("window")
    chunks = sent.count("audio_chunk")
    turn = [kind for kind in sent if kind not in ("ping", "playback")]
    assert turn == ["config", "start_listening", *["audio_chunk"] * chunks, "stop_listening"]


async def test_the_assistant_acts_on_the_page() -> None:
    async with backend(settings(**LOCAL)) as bridge, opened(bridge.url) as page:
        await is_connected(page)
        await page.get_by_role("button", name="Please change the theme to dark").click()
        await page.wait_for_selector("html[data-theme=dark]")
        await expect(page.locator(".log .note")).to_have_text("Changed the theme to dark")
        await expect(page.locator("#actions code")).to_have_text('page.setTheme("dark")')


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


async def test_an_answer_can_be_stopped_while_it_waits_for_its_next_phrase() -> None:
    slow = Latencies(llm_token_ms=500)
    async with (
        OpenAIStandin(latencies=slow) as standin,
        backend(settings_of(standin)) as bridge,
        opened(bridge.url) as page,
    ):
        await is_connected(page)
        await page.get_by_role("button", name="What can you do?").click()
        await is_in(page, "speaking")
        await is_in(page, "thinking")
        await page.keyboard.press("Escape")
        await is_in(page, "idle")
        await expect(page.locator(".log .assistant.interrupted")).to_be_visible()


async def hears(page: Page, *, sound: bool) -> None:
    """Wait until the loudspeaker sounds, or is silent."""
    async with asyncio.timeout(PATIENCE_MS / 1000):
        await page.evaluate(HEARS, sound)


async def test_speech_over_an_answer_silences_it_and_is_answered(
    calling: Bridge, tmp_path: Path
) -> None:
    microphone = recording(tmp_path, *["weather_in_london", "show_the_report"] * 6)
    async with opened(calling.url, microphone) as page:
        await page.evaluate(HOLD_THE_TONGUE)
        await page.evaluate(LISTEN)
        await is_connected(page)
        await page.get_by_role("button", name="Start the microphone").click()
        await is_in(page, "listening")
        await page.get_by_role("button", name="What can you do?").click()
        await is_in(page, "speaking")
        await hears(page, sound=True)
        await page.evaluate("speak(true)")
        await hears(page, sound=False)
        await expect(page.locator(".log .assistant.interrupted")).to_be_visible()
        await page.evaluate("speak(false)")
        await expect(page.locator(".log .user").nth(1)).to_contain_text("calendar")
        await is_in(page, "speaking")
        await hears(page, sound=True)


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
            banner = page.locator("#reconnect")
            await expect(banner).to_contain_text(re.compile(r"Reconnecting in \d s"))
            await page.get_by_role("button", name="Retry now").click()
            async with bridging(service, http_address=bridge.address):
                await is_connected(page)
                await expect(banner).to_be_hidden()
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
            addresses: list[str] = []
            page.on("websocket", lambda socket: addresses.append(socket.url))
            await page.reload()
            await is_connected(page)
        assert addresses and all("&ticket=" in address for address in addresses)
        assert not [address for address in addresses if "key" in address]


async def test_a_client_with_a_function_for_tokens_outlives_them() -> None:
    trust = {"jwt_key": KEY, "jwt_audience": (AUDIENCE,), "jwt_leeway_ms": 0}
    expiries_s: list[float] = []

    def next_token() -> str:
        expiries_s.append(time.time() + (60 if expiries_s else 3))
        return signed(exp=expiries_s[-1])

    async with (
        OpenAIStandin() as standin,
        backend(settings_of(standin, **trust), **trust) as bridge,
        opened(bridge.url) as page,
    ):
        await page.expose_function("nextToken", next_token)
        address = f"{bridge.url.replace('http', 'ws')}/api/voice/ws"
        assert await page.evaluate(OUTLIVE, address) == ["connecting", "connected", "expiring"]
        while time.time() <= expiries_s[0] + 0.1:
            await page.evaluate(ASK)
        assert await page.evaluate("heard") == ["connecting", "connected", "expiring"]
    assert len(expiries_s) == 2, "one for the ticket, one to go on with"


async def test_it_says_what_is_wrong_with_the_microphone(calling: Bridge) -> None:
    async with opened(calling.url) as page:
        await is_connected(page)
        await page.get_by_role("button", name="Start the microphone").click()
        await expect(page.get_by_role("alert")).to_contain_text("microphone")
        await page.get_by_role("button", name="Dismiss").click()
        await expect(page.get_by_role("alert")).to_be_hidden()


async def test_what_is_set_is_in_force_at_once(calling: Bridge) -> None:
    heard: list[dict[str, Any]] = []
    async with opened(calling.url, heard=heard) as page:
        await is_connected(page)
        await page.get_by_label("Language").select_option("de-DE")
        await page.get_by_label("Voice").select_option("nova")
        for name, value in {"Rate": "1.5", "Pitch": "0.75", "Volume": "0.5"}.items():
            await page.get_by_label(name).fill(value)
        await page.get_by_label("Browser speech").check()
        await page.get_by_label("Show words while they arrive").uncheck()
        await page.get_by_role("button", name="What can you do?").click()
        await expect(page.locator(".log .assistant:not(.pending)")).not_to_be_empty()
        assert await decoded_seconds(page) == 0
    ready = [frame for frame in heard if frame["type"] == "ready"]
    wished = {"language": "de-DE", "voiceId": "nova", "rate": 1.5, "pitch": 0.75, "volume": 0.5}
    wished |= {"useBrowserTTS": True, "stream": False}
    assert ready[-1]["settings"].items() >= wished.items()
    assert not {"response_chunk", "audio_chunk"} & {frame["type"] for frame in heard}


async def test_the_waveform_moves_with_the_voice_and_the_turn_is_timed(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    microphone = recording(tmp_path, "weather_in_london")
    async with (
        backend(settings(**LOCAL)) as bridge,
        opened(bridge.url, microphone, heard=heard) as page,
    ):
        await is_connected(page)
        await wave_reaches(page, 1, 4)
        await page.get_by_role("button", name="Start the microphone").click()
        await is_in(page, "hearing")
        await wave_reaches(page, 20, 100)
        await is_in(page, "speaking")
        await is_in(page, "listening")
        record = page.get_by_role("region", name="Metrics of the last turn")
        for stage in ("Endpointing", "Transcript", "First word", "First sound", "Heard"):
            await expect(record).to_contain_text(re.compile(rf"{stage} \d+ ms"))
        for fact in ("Speech", "Answer"):
            await expect(record).to_contain_text(re.compile(rf"{fact} \d+\.\d s"))
        shown = re.findall(r"(\d+) ms", await record.inner_text())
        total_ms, *stages_ms = map(int, shown)
        turns = [frame for frame in heard if frame["type"] == "turn_metrics"]
        assert total_ms == sum(stages_ms)
        assert total_ms in [turn["endpointingMs"] + turn["firstHeardMs"] for turn in turns]
        await page.get_by_role("button", name="Stop the microphone").click()
        await wave_reaches(page, 1, 4)


async def test_it_fits_a_phone_and_needs_no_pointer(calling: Bridge) -> None:
    async with opened(calling.url) as page:
        await page.set_viewport_size({"width": 390, "height": 800})
        await is_connected(page)
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        panel = page.get_by_role("complementary", name="Settings and actions")
        await expect(panel).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_label("Language")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(panel).to_be_hidden()
        await expect(page.get_by_role("button", name="Settings")).to_be_focused()
