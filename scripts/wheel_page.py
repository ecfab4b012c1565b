"""Puts the voice page into the wheel: what the bridge serves, without what tests and npm need."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SERVED_SUFFIXES = {".css", ".html", ".js", ".svg"}
SERVED_FOLDERS = {"page"}


class PageBuildHook(BuildHookInterface[Any]):
    """Run by hatchling when it builds a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name every served file and folder, and where it goes."""
        for path in sorted(Path(self.root, "clients", "web").iterdir()):
            if path.suffix in SERVED_SUFFIXES or path.name in SERVED_FOLDERS:
                build_data["force_include"][str(path)] = f"cedar_voice_bridge/web/{path.name}"
