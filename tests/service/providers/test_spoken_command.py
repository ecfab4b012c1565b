"""Tools named by what the user says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.providers.scripted.commands import find_command
from cedar_voice_service.session.config import Tool
from cedar_voice_service.session.tools import action_of


def tool(name: str, required: tuple[str, ...] = (), **properties: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Tool(name, parameters=schema)


THEME = tool("setTheme", ("theme",), theme={"type": "string", "enum": ["dark", "light"]})
VOLUME = tool("set_volume", ("level",), level={"type": "integer"})
TODO = tool("addTodo", ("title",), title={"type": "string"}, urgent={"type": "boolean"})
ALARM = tool("setVolumeAlarm", (), level={"type": "number"}, label={"type": "string"})
RESET = tool("reset")
TOOLS = (THEME, VOLUME, TODO, ALARM, RESET)


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("please set the theme to dark", "setTheme", {"theme": "dark"}),
        ("Set my theme to Light, please.", "setTheme", {"theme": "light"}),
        ("set the volume to twenty five", "set_volume", {"level": 25}),
        ("set volume 30", "set_volume", {"level": 30}),
        ("add a todo: Buy Milk", "addTodo", {"title": "Buy Milk"}),
        ("add todo title call home urgent yes", "addTodo", {"title": "call home", "urgent": True}),
        (
            "set the volume alarm level to 2.5 and label to loud music",
            "setVolumeAlarm",
            {"level": 2.5, "label": "loud music"},
        ),
        ("reset everything", "reset", {}),
    ],
)
def test_a_command_is_found_with_its_arguments(
    text: str, name: str, arguments: dict[str, object]
) -> None:
    command = find_command(text, TOOLS)
    assert command is not None
    assert (command.tool.name, command.arguments, command.missing) == (name, arguments, ())


@pytest.mark.parametrize("text", ["", "hello there", "the theme is nice", "volume", "set it"])
def test_other_words_name_no_tool(text: str) -> None:
    assert find_command(text, TOOLS) is None


@pytest.mark.parametrize(
    ("text", "missing"),
    [("set the theme", "theme"), ("set the theme to pink", "theme"), ("set volume to", "level")],
)
def test_a_required_argument_that_was_not_heard_is_missing(text: str, missing: str) -> None:
    command = find_command(text, TOOLS)
    assert command is not None
    assert command.missing == (missing,)


def test_the_setter_names_the_tool_too() -> None:
    setter = Tool("ui_1", state_key="theme", setter_key="changeTheme")
    assert find_command("change the theme", (setter,)) is not None


@given(st.text(max_size=80), st.sampled_from(TOOLS))
def test_whatever_is_said_a_complete_command_satisfies_the_schema(text: str, named: Tool) -> None:
    command = find_command(f"{named.name} {text}", TOOLS)
    if command is not None and not command.missing:
        action_of(
            TOOLS,
            action_id="1",
            name=command.tool.name,
            arguments_json=json.dumps(command.arguments),
        )
