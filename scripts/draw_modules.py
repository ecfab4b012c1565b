"""Draws the tables of modules in ARCHITECTURE.md from the docstrings of the modules."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "ARCHITECTURE.md"
PACKAGES = (
    "protos/cedar_voice",
    "shared/cedar_voice_shared",
    "service/cedar_voice_service",
    "bridge/cedar_voice_bridge",
    "clients/python/cedar_voice_client",
    "clients/cli/cedar_voice_cli",
)
BEGIN = "<!-- The tables below are drawn by `make format` from the docstrings of the modules. -->\n"


def summary(path: Path) -> str:
    """The first paragraph of a module's docstring, in one line.

    Raises:
        ValueError: the module has none.
    """
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    if not docstring:
        raise ValueError(f"{path}: a module says in its docstring what lives in it")
    return " ".join(docstring.split("\n\n")[0].split()).replace("|", r"\|")


def rows(package: Path) -> Iterator[str]:
    """A table row for each module and folder of a package, the modules of a folder after it."""
    modules = (path for path in package.rglob("*.py") if "_pb2" not in path.name)
    for path in sorted(modules, key=lambda path: (path.parent, path.name != "__init__.py", path)):
        name = path.relative_to(package)
        if path.name != "__init__.py":
            yield f"| `{name}` | {summary(path)} |"
        elif path.parent != package:
            yield f"| **`{name.parent}/`** | {summary(path)} |"


def section(package: Path) -> str:
    """The heading, purpose and table of a package."""
    heading = f"### {package.name}\n\n`{package.parent.relative_to(ROOT)}/`. "
    table = "\n".join(("| module | what lives there |", "|---|---|", *rows(package)))
    return f"{heading}{summary(package / '__init__.py')}\n\n{table}\n"


def drawn(text: str) -> str:
    """The page with its tables drawn anew."""
    kept, _, _ = text.partition(BEGIN)
    return kept + BEGIN + "\n" + "\n".join(section(ROOT / package) for package in PACKAGES)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
