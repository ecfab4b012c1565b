"""The code keeps the budgets that CONTRIBUTING.md names."""

import ast
from collections.abc import Iterator
from statistics import quantiles

from tests.support.checkout import sources

LINES_OF_NINE_FUNCTIONS_IN_TEN = 25
ATTRIBUTES_OF_A_CLASS = 12
AS_WIDE_AS_THE_CONTRACT = {
    "cedar_voice_service.session.messages.TurnMetrics",
    "cedar_voice_client.events.TurnMetrics",
    "cedar_voice_bridge.dialects.cedar_websocket.frames.Metrics",
}
"""Mirrors of `cedar_voice.v1.TurnMetrics`."""

NAMES_THAT_SAY_NOTHING = {"base", "common", "core", "helpers", "manager", "misc", "utils"}


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of every module's syntax tree, with the name of the module."""
    for name, path in sources().items():
        for node in ast.walk(ast.parse(path.read_text())):
            yield name, node


def attributes(node: ast.ClassDef) -> set[str]:
    """Return the attributes that the methods of a class assign, and the fields that it declares."""
    fields = {
        statement.target.id
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }
    assigned = {
        target.attr
        for target in ast.walk(node)
        if isinstance(target, ast.Attribute)
        and isinstance(target.ctx, ast.Store)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    }
    return fields | assigned


def test_functions_are_short() -> None:
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for _, node in nodes()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert quantiles(lengths, n=10)[-1] <= LINES_OF_NINE_FUNCTIONS_IN_TEN


def test_classes_hold_little_state() -> None:
    wide = {
        f"{name}.{node.name}"
        for name, node in nodes()
        if isinstance(node, ast.ClassDef) and len(attributes(node)) > ATTRIBUTES_OF_A_CLASS
    }
    assert wide == AS_WIDE_AS_THE_CONTRACT


def test_modules_have_names_that_say_something() -> None:
    assert not {name for name in sources() if NAMES_THAT_SAY_NOTHING & set(name.split("."))}
