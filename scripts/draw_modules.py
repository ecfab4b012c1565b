"""Write the tables of modules and folders in the documents, from the docstrings of the modules."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/modules.md"
OVERVIEW = ROOT / "ARCHITECTURE.md"
PACKAGES = (
    "protos/cedar_voice",
    "shared/cedar_voice_shared",
    "service/cedar_voice_service",
    "bridge/cedar_voice_bridge",
    "clients/python/cedar_voice_client",
    "clients/cli/cedar_voice_cli",
)
HEAD = """# Modules

Drawn by `make format` from the docstrings; [ARCHITECTURE.md](../ARCHITECTURE.md) is the
overview. Each top-level folder is a source root with one import package in it; all of them are one
distribution. Files named `*_pb2*` are generated from the `.proto` beside them.
"""
BEGIN = "<!-- folder map: begin (drawn by `make format` from the docstrings of the packages) -->"
END = "<!-- folder map: end -->"


def summary(path: Path) -> str:
    """Return the first paragraph of a module's docstring, in one line.

    Raises:
        ValueError: the module has no docstring.
    """
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    if not docstring:
        raise ValueError(f"{path}: a module needs a docstring that describes it")
    return " ".join(docstring.split("\n\n")[0].split()).replace("|", r"\|")


def rows(package: Path) -> Iterator[str]:
    """Yield a table row for each module and folder of a package, a folder before its modules."""
    modules = (path for path in package.rglob("*.py") if "_pb2" not in path.name)
    for path in sorted(modules, key=lambda path: (path.parent, path.name != "__init__.py", path)):
        name = path.relative_to(package)
        if path.name != "__init__.py":
            yield f"| `{name}` | {summary(path)} |"
        elif path.parent != package:
            yield f"| **`{name.parent}/`** | {summary(path)} |"


def section(package: Path) -> str:
    """Return the heading, purpose and table of a package."""
    heading = f"## {package.name}\n\n`{package.parent.relative_to(ROOT)}/`. "
    table = "\n".join(("| module | content |", "|---|---|", *rows(package)))
    return f"{heading}{summary(package / '__init__.py')}\n\n{table}\n"


def modules_page() -> str:
    """Return the page with the tables of all modules."""
    return "\n".join((HEAD, *(section(ROOT / package) for package in PACKAGES)))


def folders() -> Iterator[str]:
    """Yield a table row for each package and its folders, of the session core also those inside."""
    for package in map(ROOT.joinpath, PACKAGES):
        yield f"| `{package.relative_to(ROOT)}/` | {summary(package / '__init__.py')} |"
        for path in sorted(package.rglob("*/__init__.py")):
            folder, name = path.parent, path.parent.relative_to(package)
            if folder.parent == package or folder.parent.name == "session":
                yield f"| `{package.parent.relative_to(ROOT)}/…/{name}/` | {summary(path)} |"


def overview(text: str) -> str:
    """Return the overview with a new folder map."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "\n".join(("| folder | content |", "|---|---|", *folders()))
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(modules_page())
    OVERVIEW.write_text(overview(OVERVIEW.read_text()))
