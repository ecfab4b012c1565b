"""The tools a client declares, and what a model's call of one becomes: an action or a refusal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.session.schemas import accepts

ACTION_SENT_JSON = '{"status": "sent to the application"}'
"""What the model is told of an action: it was sent, the application does the rest."""

ACTION_REFUSED_JSON = '{"error": "not a declared tool, or arguments its schema refuses"}'
"""What the model is told of a call that cannot become an action."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool the language model may call.

    `parameters` is a JSON Schema of type "object". `state_key` and `setter_key` bind the tool to a
    setter of the client's state; `argument_order` names its arguments in the setter's positional
    order, empty passing the whole arguments object as the only one.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    state_key: str = ""
    setter_key: str = ""
    argument_order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """Something the client application must do because the model called a tool."""

    action_id: str
    tool_name: str
    arguments_json: str
    state_key: str
    setter_key: str
    args_json: str


def action_of(tools: tuple[Tool, ...], *, action_id: str, name: str, arguments_json: str) -> Action:
    """Turn a model's tool call into an action.

    Raises:
        EngineError: of stage TOOL, code INVALID_ACTION, when the tool was not declared or its
            schema refuses the arguments.
    """
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        raise _refusal("the model called a tool that was not declared")
    try:
        arguments = json.loads(arguments_json or "{}")
    except ValueError:
        raise _refusal(f"the model called {name!r} with arguments that are not JSON") from None
    if not isinstance(arguments, dict):
        raise _refusal(f"the model called {name!r} with arguments that are not an object")
    if not accepts(tool.parameters, arguments):
        raise _refusal(f"the model called {name!r} with arguments its schema refuses")
    args = [arguments.get(key) for key in tool.argument_order]
    return Action(
        action_id=action_id,
        tool_name=name,
        arguments_json=json.dumps(arguments),
        state_key=tool.state_key,
        setter_key=tool.setter_key,
        args_json=json.dumps(args if tool.argument_order else [arguments]),
    )


def _refusal(message: str) -> EngineError:
    return EngineError(Stage.TOOL, message, code=Code.INVALID_ACTION, retryable=False)
