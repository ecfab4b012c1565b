"""Tools: only what was declared, with arguments its schema accepts, becomes an action."""

import json
from typing import Any

import pytest

from cedar_voice_service.errors import Code, EngineError
from cedar_voice_service.session.answer_parts import Action
from cedar_voice_service.session.config import Tool
from cedar_voice_service.session.schemas import accepts, problem_of
from cedar_voice_service.session.tools import action_of

SET_THEME = Tool(
    "setTheme",
    parameters={
        "type": "object",
        "properties": {"theme": {"enum": ["light", "dark"]}, "fade": {"type": "boolean"}},
        "required": ["theme"],
    },
    state_key="ui",
    setter_key="setTheme",
    argument_order=("theme", "fade"),
)


def call(name: str, arguments_json: str, tool: Tool = SET_THEME) -> Action:
    return action_of((tool,), action_id="a1", name=name, arguments_json=arguments_json)


def test_arguments_become_the_setters_positional_ones() -> None:
    action = call("setTheme", '{"theme": "dark"}')
    assert (action.state_key, action.setter_key) == ("ui", "setTheme")
    assert json.loads(action.args_json) == ["dark", None]


def test_without_an_order_the_whole_object_is_the_argument() -> None:
    action = call("note", '{"text": "hi"}', Tool("note"))
    assert json.loads(action.args_json) == [{"text": "hi"}]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "allOf": [{"$ref": "http://127.0.0.1:9/schema"}]},
        {"type": "object", "properties": {"a": {"$dynamicRef": "file:///etc/passwd"}}},
        {"type": "array"},
        {"type": "object", "properties": 5},
        [],
    ],
)
def test_a_schema_that_leads_elsewhere_or_is_none_is_refused(schema: object) -> None:
    assert problem_of(schema)


def test_a_check_ends_whatever_the_schema() -> None:
    slow = {"type": "object", "properties": {"text": {"type": "string", "pattern": "^(a+)+$"}}}
    assert problem_of(slow) == ""
    assert accepts(slow, {"text": "a" * 40 + "b"})
    assert not accepts({"type": "object", "allOf": [{"$ref": "#/nowhere"}]}, {})


def multiplying(levels: int) -> dict[str, Any]:
    """A small schema whose references lead to twice as many references, level after level."""
    definitions = {
        f"level{level}": {"allOf": [{"$ref": f"#/$defs/level{level + 1}"}] * 2}
        for level in range(levels)
    }
    definitions[f"level{levels}"] = {}
    return {"type": "object", "$defs": definitions, "$ref": "#/$defs/level0"}


@pytest.mark.parametrize(
    "schema",
    [
        multiplying(60),
        {"type": "object", "allOf": [{"$ref": "#"}]},
    ],
    ids=["multiplying", "endless"],
)
def test_a_schema_that_takes_too_much_work_is_refused(schema: dict[str, Any]) -> None:
    assert problem_of(schema)
    assert not accepts(multiplying(60), {})
    assert problem_of(multiplying(5)) == ""


def nested(levels: int) -> dict[str, Any]:
    return {"a": nested(levels - 1)} if levels else {}


def test_a_check_that_takes_too_much_work_refuses_the_arguments() -> None:
    """Each level of the arguments is looked at twice as often as the one around it."""
    branch = {"properties": {"a": {"$ref": "#"}}}
    schema = {"type": "object", "allOf": [branch, branch]}
    assert problem_of(schema) == ""
    assert accepts(schema, nested(5))
    assert not accepts(schema, nested(60))


def test_a_tree_is_described_by_a_schema_that_refers_to_itself() -> None:
    schema = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#"}}},
        "required": ["name"],
    }
    tree: dict[str, Any] = {"name": "leaf"}
    for _ in range(8):
        tree = {"name": "branch", "children": [tree, tree]}
    assert problem_of(schema) == ""
    assert accepts(schema, tree)
    assert not accepts(schema, {"name": "root", "children": [tree, {}]})


def test_properties_that_patterns_may_allow_are_let_through() -> None:
    schema = {"type": "object", "patternProperties": {"^x": {}}, "additionalProperties": False}
    assert accepts(schema, {"xy": 1})
    assert not accepts({"type": "object", "additionalProperties": False}, {"xy": 1})


@pytest.mark.parametrize(
    ("name", "arguments_json"),
    [
        ("deleteEverything", "{}"),
        ("setTheme", '{"theme": "pink"}'),
        ("setTheme", "{}"),
        ("setTheme", "not json"),
        ("setTheme", '["dark"]'),
    ],
)
def test_anything_else_is_refused(name: str, arguments_json: str) -> None:
    with pytest.raises(EngineError) as refusal:
        call(name, arguments_json)
    assert refusal.value.code is Code.INVALID_ACTION
