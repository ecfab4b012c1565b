"""This checkout: its root, its files, its modules and its metadata."""

import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = tuple(
    ROOT / folder
    for folder in ("protos", "shared", "service", "bridge", "clients/python", "clients/cli")
)
LOCKS = tuple(sorted((ROOT / "requirements").glob("*.txt")))


@cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the project: tracked by git, or new and not ignored."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(sorted({path for path in paths if path.is_file()}))


@cache
def sources() -> dict[str, Path]:
    """The module files that are written by hand, by the dotted name they are imported under."""
    found = {}
    for root in SOURCE_ROOTS:
        for path in files():
            if path.suffix == ".py" and path.is_relative_to(root) and "_pb2" not in path.name:
                parts = path.relative_to(root).with_suffix("").parts
                found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def project() -> dict[str, Any]:
    """The content of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())
