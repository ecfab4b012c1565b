"""Runs the service alone: `python -m cedar_voice_service`, settings from the environment."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable

from cedar_voice_service.providers.catalog import describe
from cedar_voice_service.providers.engines import Engines
from cedar_voice_service.server import serve
from cedar_voice_service.settings import ServiceSettings
from cedar_voice_shared.logs import configure_logs


async def run(settings: ServiceSettings) -> None:
    """Serve until the first SIGTERM or SIGINT."""
    serving = asyncio.ensure_future(serve(settings, ready=announce))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return


def announce(address: str, engines: Engines) -> None:
    """Print the address of the service and its engines."""
    sys.stderr.write(f"cedar-voice service on {address}\n")
    for line in describe(engines):
        sys.stderr.write(f"  {line}\n")
    _freeze_objects()


def main() -> int:
    """Run the service; return the exit status."""
    settings = ServiceSettings()
    configure_logs(settings.log_level, settings.log_format)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run(settings))
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ModuleNotFoundError:  # not available for Windows
        return None
    return uvloop.new_event_loop


def _freeze_objects() -> None:
    """Exempt all imported objects from garbage collection, which would hold the loop for 90 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # objects of a turn are freed by reference counts


if __name__ == "__main__":
    sys.exit(main())
