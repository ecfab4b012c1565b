"""Configuration by clients of every dialect: above all, the setters in Cedar's context."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket.translator import CedarWebSocketTranslator
from cedar_voice_bridge.translation.context import tools_in

OBJECT = {"type": "object", "properties": {"theme": {"enum": ["light", "dark"]}}}
NAMED = {
    "$ref": "#/definitions/changeTheme",
    "definitions": {"changeTheme": OBJECT},
    "$schema": "http://json-schema.org/draft-07/schema#",
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def context(**setters: Any) -> str:
    """Context as cedar-os compiles it."""
    app = {"screen": {"data": {"theme": "light"}, "source": "subscription"}}
    return json.dumps({**app, "stateSetters": setters, "setters": {}, "schemas": {}})


def setter(**more: Any) -> dict[str, Any]:
    """A setter as cedar-os lists it."""
    return {"name": "n", "stateKey": "screen", "description": "Change it", **more}


def the_tool(text: str) -> tuple[pb.ToolDefinition, dict[str, Any]]:
    """The one tool in a context, and its schema."""
    tools = tools_in(text)
    assert tools is not None
    (tool,) = tools.tools
    return tool, json.loads(tool.parameters_json_schema)


@pytest.mark.parametrize("schema", [OBJECT, NAMED])
def test_a_setter_that_takes_an_object_gets_it_as_it_is(schema: dict[str, Any]) -> None:
    tool, parameters = the_tool(context(changeTheme=setter(argsSchema=schema)))
    assert (tool.name, tool.description) == ("changeTheme", "Change it")
    assert (tool.state_setter.state_key, tool.state_setter.setter_key) == ("screen", "changeTheme")
    assert not tool.state_setter.argument_order
    assert parameters["properties"] == OBJECT["properties"]


@pytest.mark.parametrize("schema", [{"type": "array"}, {"enum": ["home"]}, {"type": "string"}])
def test_a_setter_that_takes_anything_else_gets_one_argument(schema: dict[str, Any]) -> None:
    tool, parameters = the_tool(context(open=setter(argsSchema=schema)))
    assert list(tool.state_setter.argument_order) == ["value"]
    assert parameters["properties"] == {"value": schema}
    assert parameters["required"] == ["value"]


def test_a_setter_without_schema_needs_no_argument() -> None:
    _, parameters = the_tool(context(closeWindow=setter()))
    assert parameters["required"] == []


def test_tools_of_the_application_keep_their_names_and_setters_give_way() -> None:
    tools = tools_in(
        json.dumps(
            {
                "frontendTools": {
                    "notify": {"name": "notify", "description": "Tell", "argsSchema": NAMED},
                    "plain": {"name": "plain"},
                    "not a name": {"name": "not a name", "argsSchema": OBJECT},
                    "positional": {"name": "positional", "argsSchema": {"type": "array"}},
                    "nothing": None,
                },
                "stateSetters": {"notify": setter()},
            }
        )
    )
    assert tools is not None
    notify, plain, beside = tools.tools
    assert (notify.name, notify.description) == ("notify", "Tell")
    assert not notify.HasField("state_setter") and not plain.HasField("state_setter")
    assert json.loads(notify.parameters_json_schema)["properties"] == OBJECT["properties"]
    assert json.loads(plain.parameters_json_schema) == {"type": "object"}
    assert (beside.name, beside.state_setter.setter_key) == ("notify_2", "notify")


def test_an_application_that_lists_no_tools_takes_none_away() -> None:
    assert tools_in('{"screen": {}}') is None
    assert tools_in('{"frontendTools": {}}') == pb.ToolSet()


def test_references_inside_a_schema_still_lead_somewhere() -> None:
    point = {"type": "object", "properties": {"x": {"$ref": "#/definitions/inner"}}}
    schema = {"$ref": "#/definitions/p", "definitions": {"p": point, "inner": {"type": "number"}}}
    _, parameters = the_tool(context(move=setter(argsSchema=schema)))
    validator = Draft202012Validator(parameters)
    assert validator.is_valid({"x": 1}) and not validator.is_valid({"x": "far"})


def test_names_that_a_model_cannot_take_are_changed_and_stay_apart() -> None:
    long = "x" * 80
    tools = tools_in(context(**{"a.b": setter(), "a/b": setter(), long: setter(), "": setter()}))
    assert tools is not None
    names = [tool.name for tool in tools.tools]
    assert len(set(names)) == 4
    assert all(0 < len(name) <= 64 and name.replace("_", "").isalnum() for name in names)
    assert {tool.state_setter.setter_key for tool in tools.tools} == {"a.b", "a/b", long, ""}


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"stateSetters":[]}', "nope", "[" * 9_999])
def test_a_context_without_setters_declares_nothing(text: str) -> None:
    assert tools_in(text) is None


def test_an_empty_list_of_setters_takes_the_tools_away() -> None:
    tools = tools_in(context())
    assert tools is not None and not tools.tools


@given(st.dictionaries(st.text(), json_values))
def test_whatever_stands_among_the_setters_is_taken_or_left(setters: Any) -> None:
    tools = tools_in(json.dumps({"stateSetters": setters}))
    assert tools is not None
    for tool in tools.tools:
        assert json.loads(tool.parameters_json_schema)["type"] == "object"


@pytest.mark.parametrize("is_string", [False, True])
def test_a_socket_that_sends_its_context_declares_its_setters(is_string: bool) -> None:
    text = context(changeTheme=setter(argsSchema=OBJECT))
    frame = {"type": "config", "context": text if is_string else json.loads(text)}
    (request,) = CedarWebSocketTranslator().decode(json.dumps(frame))
    assert [tool.name for tool in request.config.tools.tools] == ["changeTheme"]


def test_declared_tools_win_over_setters_that_are_found() -> None:
    frame = {"type": "config", "context": json.loads(context(a=setter())), "tools": []}
    (request,) = CedarWebSocketTranslator().decode(json.dumps(frame))
    assert request.config.HasField("tools") and not request.config.tools.tools
