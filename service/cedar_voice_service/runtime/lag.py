"""Measuring the lag of the event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cedar_voice_service.session.load_shedding import SAMPLE_INTERVAL_MS, LoadMonitor


@asynccontextmanager
async def measured(load_monitor: LoadMonitor) -> AsyncIterator[None]:
    """Measure the lag of the event loop for as long as the context lasts."""
    # No TaskGroup, which would wrap the exception that ends the context in a group.
    measuring = asyncio.create_task(_measure(load_monitor))
    try:
        yield
    finally:
        measuring.cancel()
        await asyncio.gather(measuring, return_exceptions=True)


async def _measure(load_monitor: LoadMonitor) -> None:
    loop = asyncio.get_running_loop()
    while True:
        wanted_at_s = loop.time() + SAMPLE_INTERVAL_MS / 1000
        await asyncio.sleep(SAMPLE_INTERVAL_MS / 1000)
        load_monitor.record((loop.time() - wanted_at_s) * 1000)
