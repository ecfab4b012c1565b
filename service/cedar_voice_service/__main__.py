"""Runs the service alone: `python -m cedar_voice_service`, settings from the environment."""

import sys

from cedar_voice_service.providers.catalog import describe
from cedar_voice_service.providers.engines import Engines
from cedar_voice_service.server import serve
from cedar_voice_service.settings import ServiceSettings
from cedar_voice_shared.logs import configure_logs
from cedar_voice_shared.process import freeze_objects, run_until_signal


def announce(address: str, engines: Engines) -> None:
    """Print the address of the service and its engines."""
    sys.stderr.write(f"cedar-voice service on {address}\n")
    for line in describe(engines):
        sys.stderr.write(f"  {line}\n")
    freeze_objects()


def main() -> int:
    """Run the service; return the exit status."""
    settings = ServiceSettings()
    configure_logs(settings.log_level, settings.log_format)
    try:
        run_until_signal(serve(settings, ready=announce))
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
