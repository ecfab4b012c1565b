"""A real browser with a microphone that plays a recording."""

import wave
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

EXECUTABLE = "/usr/bin/chromium"
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


LEAD_MS = 500
"""The silence at the beginning of a microphone's recording: it takes a while to open."""


@asynccontextmanager
async def chromium(
    microphone: Path | None = None, hosts: Mapping[str, str] | None = None
) -> AsyncIterator[Browser]:
    """A browser of its own for as long as the context lasts.

    Args:
        microphone: a WAV file, read when a microphone is opened, played once, then silence.
        hosts: where connections to "host:port" go instead.
    """
    arguments = [*QUIET, "--autoplay-policy=no-user-gesture-required"]
    if microphone is not None:
        arguments += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        arguments += [f"--use-file-for-fake-audio-capture={microphone}%noloop"]
    if hosts:
        rules = ",".join(f"MAP {name} {address}" for name, address in hosts.items())
        arguments += [f"--host-resolver-rules={rules}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=EXECUTABLE, args=arguments, chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            await browser.close()


def write_microphone(path: Path, pcm: bytes) -> None:
    """Write a recording for the microphone: LEAD_MS of silence, then the speech.

    Args:
        path: the WAV file.
        pcm: 16 kHz, mono, signed 16-bit little-endian.
    """
    with wave.open(str(path), "wb") as recording:
        recording.setparams((1, 2, 16_000, 0, "NONE", ""))
        recording.writeframes(bytes(LEAD_MS * 16 * 2) + pcm)
