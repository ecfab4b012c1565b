"""The bridge alone: `python -m cedar_voice_bridge`, with settings from the environment."""

import sys

from cedar_voice_bridge.app import serve
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_shared.logs import configure_logs
from cedar_voice_shared.process import freeze_objects, run_until_signal


def announce(address: str) -> None:
    """Print the address of the page."""
    sys.stderr.write(f"cedar-voice bridge, open http://{address}/\n")
    freeze_objects()


def main() -> int:
    """Run the bridge and return the exit status."""
    settings = BridgeSettings()
    configure_logs(settings.log_level, settings.log_format)
    try:
        run_until_signal(serve(settings, ready=announce))
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
