"""The conversation as protobuf, and a client's account of it: checked, and turned into items."""

import json

import cedar_voice.v1 as pb
from cedar_voice_service.errors import CallerError, Code
from cedar_voice_service.session.config import Limits
from cedar_voice_service.session.history import (
    AssistantMessage,
    CalledTool,
    HistoryItem,
    ToolOutcome,
    UserMessage,
)
from cedar_voice_service.session.resume.position import Past

MIN_TOKEN_CHARS = 32
"""Shortest secret of a session that replaces a lost one: the client keeps its own."""

MAX_TOKEN_CHARS = 128
MAX_SEQUENCE = 1 << 53
MAX_ID = 1 << 31


def past_of(config: pb.SessionConfig, limits: Limits) -> Past:
    """Check the session or the conversation that a new session continues.

    Raises:
        CallerError: INVALID_CONFIG, naming the field.
    """
    history = items_of(config)[-limits.max_history_items :]
    if not config.HasField("resume"):
        return Past(history)
    lost = config.resume
    _bounded("resume_token", len(lost.resume_token), MIN_TOKEN_CHARS, MAX_TOKEN_CHARS)
    _bounded("last_received_sequence", lost.last_received_sequence, 0, MAX_SEQUENCE)
    for name in ("term", "last_turn_id", "last_response_id"):
        _bounded(name, getattr(lost, name), 0, MAX_ID)
    return Past(
        history,
        lost.term + 1,
        lost.resume_token,
        lost.last_received_sequence,
        lost.last_turn_id,
        lost.last_response_id,
    )


def items_of(config: pb.SessionConfig) -> tuple[HistoryItem, ...]:
    """Check the conversation that a client reports.

    Raises:
        CallerError: INVALID_CONFIG, naming the field.
    """
    called: set[str] = set()
    items: list[HistoryItem] = []
    for index, item in enumerate(config.history):
        path = f"history[{index}]"
        match item.WhichOneof("item"):
            case "user":
                items.append(UserMessage(item.user.text))
            case "assistant":
                calls = tuple(_call_of(call, path) for call in item.assistant.tool_calls)
                called = {call.call_id for call in calls}
                interrupted = item.assistant.interrupted
                items.append(AssistantMessage(item.assistant.text, calls, interrupted))
            case "tool_outcome":
                outcome = item.tool_outcome
                if outcome.call_id not in called:
                    raise _invalid(f"{path}.tool_outcome.call_id", "belongs to no call before it")
                _json_of(outcome.output_json, f"{path}.tool_outcome.output_json")
                items.append(ToolOutcome(outcome.call_id, outcome.output_json))
            case _:
                raise _invalid(path, "is empty")
    return tuple(items)


def encode_item(item: HistoryItem) -> pb.ConversationItem:
    """Encode an item of the conversation."""
    match item:
        case UserMessage(text):
            return pb.ConversationItem(user=pb.UserItem(text=text))
        case ToolOutcome(call_id, output_json):
            outcome = pb.ToolOutcomeItem(call_id=call_id, output_json=output_json)
            return pb.ConversationItem(tool_outcome=outcome)
        case AssistantMessage(text, tool_calls, interrupted):
            calls = [
                pb.ToolCallItem(
                    call_id=call.call_id,
                    tool_name=call.name,
                    arguments_json=call.arguments_json,
                )
                for call in tool_calls
            ]
            answer = pb.AssistantItem(text=text, tool_calls=calls, interrupted=interrupted)
            return pb.ConversationItem(assistant=answer)


def _call_of(call: pb.ToolCallItem, path: str) -> CalledTool:
    if not call.call_id or not call.tool_name:
        raise _invalid(f"{path}.assistant.tool_calls", "need call_id and tool_name")
    arguments = _json_of(call.arguments_json, f"{path}.assistant.tool_calls.arguments_json")
    if not isinstance(arguments, dict):
        raise _invalid(f"{path}.assistant.tool_calls.arguments_json", "must be an object")
    return CalledTool(call.call_id, call.tool_name, call.arguments_json)


def _json_of(text: str, field: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid(field, "is not valid JSON") from None
    return value


def _bounded(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise _invalid(f"resume.{name}", "cannot belong to a lost session")


def _invalid(field: str, problem: str) -> CallerError:
    return CallerError(f"{field} {problem}", code=Code.INVALID_CONFIG, field=field)
