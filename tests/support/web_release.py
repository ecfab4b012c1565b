"""The browser package as it is published: its types, its files and their size."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from tests.support.checkout import ROOT, files
from tests.support.npm import installing, npm, once

PACKAGE = ROOT / "clients" / "web"
CHECKED = {".js", ".json", ".ts", ".tsx"}


@dataclass(frozen=True, slots=True)
class Release:
    """The package as npm would publish it."""

    names: tuple[str, ...]
    raw_bytes: int
    packed_bytes: int


def check() -> None:
    """Write the declarations, and check package, page and examples with them, in strict mode.

    Raises:
        RuntimeError: the check fails; the message has the compiler's output.
    """
    sources = [file for file in files() if file.is_relative_to(PACKAGE) and file.suffix in CHECKED]
    with installing(PACKAGE):
        once(PACKAGE, PACKAGE / "node_modules" / ".checked", sources, "run", "check")


def release() -> Release:
    """Return the package as npm would publish it now, with the declarations of `check`."""
    check()
    (packed,) = json.loads(npm(PACKAGE, "pack", "--dry-run", "--json", "--ignore-scripts"))
    names = tuple(sorted(file["path"] for file in packed["files"]))
    return Release(names, packed["unpackedSize"], packed["size"])


def size() -> str:
    """Return the published size in a line: modules gzipped one by one, as servers send them."""
    published = release()
    modules = [Path(PACKAGE, name).read_bytes() for name in published.names if name.endswith(".js")]
    sizes_kb = (
        sum(map(len, modules)) / 1000,
        sum(len(gzip.compress(module)) for module in modules) / 1000,
        published.raw_bytes / 1000,
        published.packed_bytes / 1000,
    )
    text = "modules {:.1f} kB, gzipped {:.1f} kB; package {:.1f} kB, packed {:.1f} kB"
    return f"clients/web: {text.format(*sizes_kb)}"
