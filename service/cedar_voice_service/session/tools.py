"""Tool calls of the model: each becomes an action for the client, or an error."""

import json

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.session.answer_parts import Action
from cedar_voice_service.session.config import Tool
from cedar_voice_service.session.schemas import accepts


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
