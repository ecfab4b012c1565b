"""A reply request as messages and tools of OpenAI's chat API. Pure."""

from collections.abc import Iterable

from openai.types.chat import (
    ChatCompletionFunctionToolParam,
    ChatCompletionMessageFunctionToolCallParam,
    ChatCompletionMessageParam,
)

from cedar_voice_service.providers.protocols import ReplyRequest
from cedar_voice_service.session.config import Tool
from cedar_voice_service.session.history import (
    AssistantMessage,
    CalledTool,
    HistoryItem,
    ToolOutcome,
    UserMessage,
)


def messages_of(request: ReplyRequest) -> list[ChatCompletionMessageParam]:
    """Return the conversation, after one system message.

    An assistant message without played text and without tool calls is left out: the API refuses it.
    """
    messages: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": instructions_of(request)}
    ]
    messages.extend(
        _message(item)
        for item in request.history
        if not isinstance(item, AssistantMessage) or item.text or item.tool_calls
    )
    return messages


def instructions_of(request: ReplyRequest) -> str:
    """Return the system message; its most variable part is last, so that servers cache the rest."""
    parts = [
        request.system_prompt,
        f"Answer in the language with the BCP-47 tag {request.language}.",
        request.context_json and f"The application's state as JSON: {request.context_json}",
    ]
    return "\n\n".join(part for part in parts if part)


def tools_of(tools: Iterable[Tool]) -> list[ChatCompletionFunctionToolParam]:
    """Return the tools that the client declared."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            },
        }
        for tool in tools
    ]


def _message(item: HistoryItem) -> ChatCompletionMessageParam:
    match item:
        case UserMessage():
            return {"role": "user", "content": item.text}
        case ToolOutcome():
            return {"role": "tool", "tool_call_id": item.call_id, "content": item.output_json}
        case AssistantMessage(tool_calls=()):
            return {"role": "assistant", "content": _played_text(item)}
        case AssistantMessage():
            return {
                "role": "assistant",
                "content": _played_text(item) or None,
                "tool_calls": [_call(call) for call in item.tool_calls],
            }


def _played_text(message: AssistantMessage) -> str:
    # A dash shows the model, as it would a reader, that the sentence was cut off.
    return f"{message.text} —" if message.text and message.interrupted else message.text


def _call(call: CalledTool) -> ChatCompletionMessageFunctionToolCallParam:
    return {
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments_json},
    }
