"""Measuring the loop, on a loop whose callbacks take virtual time."""

import asyncio

from cedar_voice_service.runtime.lag import measured
from cedar_voice_service.session.load_shedding import LoadMonitor, Thresholds
from tests.support.virtual_time import VirtualTimeLoop, run_virtually

THRESHOLDS = Thresholds(partials_ms=25, drafts_ms=50, sessions_ms=100)


async def busy(duration_s: float, each_s: float) -> None:
    """Hold the loop for `each_s` at a time."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    end_s = loop.time() + duration_s
    while loop.time() < end_s:
        loop.hold(each_s)
        await asyncio.sleep(0)


def test_a_loop_that_is_held_shows_as_lag_and_recovers() -> None:
    async def story() -> list[float]:
        load_monitor = LoadMonitor(THRESHOLDS)
        lags = []
        async with measured(load_monitor):
            await asyncio.sleep(3)
            lags.append(load_monitor.lag_ms)
            await busy(20, each_s=0.25)
            lags.append(load_monitor.lag_ms)
            assert load_monitor.refuses_sessions
            await asyncio.sleep(1)
            lags.append(load_monitor.lag_ms)
        return lags

    idle_ms, held_ms, rested_ms = run_virtually(story())
    assert idle_ms < 1 and held_ms >= 150 and rested_ms < 1


def test_one_long_hold_is_a_hiccup() -> None:
    async def story() -> None:
        load_monitor = LoadMonitor(THRESHOLDS)
        async with measured(load_monitor):
            await busy(5, each_s=5)
            assert not load_monitor.sheds_partials

    run_virtually(story())
