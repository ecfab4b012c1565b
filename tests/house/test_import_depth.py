"""A module of the service is reached over a short chain of imports."""

import ast
from collections.abc import Iterator
from functools import cache

from tests.support.checkout import sources

PACKAGE = "cedar_voice_service"

LONGEST_CHAIN = 10
"""Modules on the longest chain."""


@cache
def imports() -> dict[str, frozenset[str]]:
    """The modules of the service that each of them imports: at its top, in a function, or for
    types only. The docstring of a folder is no module.
    """
    paths = {
        name: path
        for name, path in sources().items()
        if name.startswith(f"{PACKAGE}.") and path.name != "__init__.py"
    }
    return {
        name: frozenset(
            imported
            for node in ast.walk(ast.parse(path.read_text()))
            for imported in names_in(node)
            if imported in paths and imported != name
        )
        for name, path in paths.items()
    }


def names_in(node: ast.AST) -> Iterator[str]:
    """Every name that may be a module; `from a import b` names `a` and `a.b`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def longest_chain(name: str) -> tuple[str, ...]:
    """The longest chain of imports that begins with a module.

    Raises:
        RecursionError: modules import each other in a circle.
    """
    chains = (longest_chain(imported) for imported in sorted(imports()[name]))
    return (name, *max(chains, key=len, default=()))


def test_chains_of_imports_are_short() -> None:
    longest = max(map(longest_chain, sorted(imports())), key=len)
    assert len(longest) <= LONGEST_CHAIN, " > ".join(longest)
