"""Runs the bridge alone: `python -m cedar_voice_bridge`, settings from the environment."""

import asyncio
import signal
import sys

from cedar_voice_bridge.app import serve
from cedar_voice_bridge.settings import BridgeSettings


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
    """Say where the page is."""
    sys.stderr.write(f"cedar-voice bridge, open http://{address}/\n")


def main() -> int:
    """Run; the exit status."""
    try:
        asyncio.run(run(BridgeSettings()))
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
