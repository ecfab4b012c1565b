"""The process of a server: its event loop, its end by a signal, its garbage collection."""

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any


def open_runner() -> asyncio.Runner:
    """Return a runner on uvloop, or on the loop of asyncio if uvloop is not available."""
    return asyncio.Runner(loop_factory=_loop_factory())


def run_until_signal(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine, which each SIGTERM or SIGINT cancels; its cancellation is no failure."""
    with open_runner() as runner:
        runner.run(_until_signal(coroutine))


def freeze_objects() -> None:
    """Exempt all imported objects from garbage collection, which would block the loop for 90 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # objects of a turn are freed by reference counts


async def _until_signal(coroutine: Coroutine[Any, Any, None]) -> None:
    serving = asyncio.ensure_future(coroutine)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ModuleNotFoundError:  # not available for Windows
        return None
    return uvloop.new_event_loop
