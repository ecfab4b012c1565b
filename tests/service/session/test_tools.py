"""Tools: only what was declared, with arguments its schema accepts, becomes an action."""

import json

import pytest

from cedar_voice_service.errors import Code, EngineError
from cedar_voice_service.session.schemas import accepts, problem_of
from cedar_voice_service.session.tools import Action, Tool, action_of

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
    endless = {"type": "object", "allOf": [{"$ref": "#"}]}
    assert not accepts(endless, {})
    assert not accepts({"type": "object", "allOf": [{"$ref": "#/nowhere"}]}, {})


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
