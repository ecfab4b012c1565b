"""The bridge alone: `python -m cedar_voice_bridge`, with settings from the environment."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable

from cedar_voice_bridge.app import serve
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_shared.logs import configure_logs


async def run(settings: BridgeSettings) -> None:
    """Serve until the first SIGTERM or SIGINT."""
    serving = asyncio.ensure_future(serve(settings, ready=announce))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return


def announce(address: str) -> None:
    """Print the address of the page."""
    sys.stderr.write(f"cedar-voice bridge, open http://{address}/\n")
    _settle()


def main() -> int:
    """Run the bridge and return the exit status."""
    settings = BridgeSettings()
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
    except ModuleNotFoundError:  # it does not exist for Windows
        return None
    return uvloop.new_event_loop


def _settle() -> None:
    """Exempt imported objects from garbage collection, whose pass over them blocks for 90 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # objects of a turn are freed by their reference counts


if __name__ == "__main__":
    sys.exit(main())
