"""A reply request in the words of OpenAI's chat API."""

from cedar_voice_service.providers.openai.prompt import instructions_of, messages_of, tools_of
from cedar_voice_service.providers.protocols import ReplyRequest
from cedar_voice_service.session.config import Tool
from cedar_voice_service.session.history import (
    AssistantMessage,
    CalledTool,
    ToolOutcome,
    UserMessage,
)


def test_instructions_hold_prompt_language_and_state() -> None:
    request = ReplyRequest(
        history=(), language="de-AT", context_json='{"page": 3}', system_prompt="Be brief."
    )
    assert instructions_of(request) == (
        "Be brief.\n\n"
        "Answer in the language with the BCP-47 tag de-AT.\n\n"
        'The application\'s state as JSON: {"page": 3}'
    )


def test_instructions_leave_out_what_is_not_there() -> None:
    instructions = instructions_of(ReplyRequest(history=()))
    assert instructions == "Answer in the language with the BCP-47 tag en-US."


def test_history_keeps_its_order_and_calls() -> None:
    history = (
        UserMessage("louder"),
        AssistantMessage("Sure.", (CalledTool("c1", "set_volume", '{"level": 5}'),)),
        ToolOutcome("c1", '{"ok": true}'),
        AssistantMessage("Done"),
    )
    assert messages_of(ReplyRequest(history))[1:] == [
        {"role": "user", "content": "louder"},
        {
            "role": "assistant",
            "content": "Sure.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "set_volume", "arguments": '{"level": 5}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": '{"ok": true}'},
        {"role": "assistant", "content": "Done"},
    ]


def test_interrupted_answer_ends_with_a_dash() -> None:
    history = (UserMessage("why"), AssistantMessage("Because the", interrupted=True))
    assert messages_of(ReplyRequest(history))[-1] == {
        "role": "assistant",
        "content": "Because the —",
    }


def test_answer_of_which_nothing_was_heard_is_left_out() -> None:
    history = (
        UserMessage("why"),
        AssistantMessage("", interrupted=True),
        UserMessage("never mind"),
    )
    roles = [message["role"] for message in messages_of(ReplyRequest(history))]
    assert roles == ["system", "user", "user"]


def test_tools_are_declared_with_their_schema() -> None:
    schema = {"type": "object", "properties": {"level": {"type": "integer"}}}
    assert tools_of((Tool("set_volume", "sets the volume", schema),)) == [
        {
            "type": "function",
            "function": {
                "name": "set_volume",
                "description": "sets the volume",
                "parameters": schema,
            },
        }
    ]
