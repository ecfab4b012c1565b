"""Include the voice page in the wheel: the files that the bridge serves, without tests and npm."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SERVED_SUFFIXES = {".css", ".html", ".js", ".svg"}
SERVED_FOLDERS = {"page"}


class PageBuildHook(BuildHookInterface[Any]):
    """Build hook that hatchling runs for a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map every served file and folder to its path in the wheel."""
        for path in sorted(Path(self.root, "clients", "web").iterdir()):
            if path.suffix in SERVED_SUFFIXES or path.name in SERVED_FOLDERS:
                build_data["force_include"][str(path)] = f"cedar_voice_bridge/web/{path.name}"
