"""The language model through the real SDK against the stand-in."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.openai.connection import connected
from cedar_voice_service.providers.openai.endpoint import Endpoint
from cedar_voice_service.providers.openai.responder import OpenAIResponder
from cedar_voice_service.providers.protocols import (
    ReplyEnd,
    ReplyPart,
    ReplyRequest,
    ReplyText,
    Responder,
    ToolCall,
)
from cedar_voice_service.session.config import Tool
from cedar_voice_service.session.history import (
    AssistantMessage,
    CalledTool,
    ToolOutcome,
    UserMessage,
)
from tests.support.openai_engines import (
    DEADLINES,
    QUESTION,
    answering,
    endpoint_of,
    open_openai_responder,
    settings_of,
)
from tests.support.openai_script import ANSWER, Answer, Latencies, ScriptedCall
from tests.support.openai_standin import OpenAIStandin
from tests.support.openai_wire import chat_event


async def answered(server: OpenAIStandin, request: ReplyRequest = QUESTION) -> list[ReplyPart]:
    """Everything that the engine yields for a request."""
    async with open_openai_responder(settings_of(server.base_url)) as engine:
        responder: Responder = engine
        return [part async for part in responder.respond(request)]


def text_of(parts: list[ReplyPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, ReplyText))


async def test_answer_is_streamed_and_counted(server: OpenAIStandin) -> None:
    parts = await answered(server)
    assert text_of(parts) == ANSWER
    assert sum(part.token_count for part in parts if isinstance(part, ReplyText)) == 60
    assert isinstance(parts[-1], ReplyEnd)
    assert parts[-1] == ReplyEnd("stop", parts[-1].prompt_tokens, completion_tokens=60)
    assert parts[-1].prompt_tokens


async def test_text_comes_while_the_model_still_writes(server: OpenAIStandin) -> None:
    server.latencies = Latencies(llm_first_token_ms=0, llm_token_ms=20)
    async with (
        open_openai_responder(settings_of(server.base_url)) as responder,
        aclosing(responder.respond(QUESTION)) as parts,
    ):
        assert await anext(parts) == ReplyText("On")
        assert not server.requests[0].ended.is_set()


async def test_the_first_phrase_comes_token_by_token_and_the_rest_in_bunches(
    server: OpenAIStandin,
) -> None:
    server.latencies = Latencies(llm_first_token_ms=0, llm_token_ms=20)
    *texts, _ = await answered(server)
    counts = [part.token_count for part in texts if isinstance(part, ReplyText)]
    eager = len(ANSWER[: ANSWER.index(",") + 2].split()) + 1  # a clause ends before the next word
    assert sum(counts) == 60
    assert len(counts) <= eager + (60 - eager) / 2


async def test_server_that_does_not_count(server: OpenAIStandin) -> None:
    server.answers = (Answer("Yes.", tells_usage=False),)
    assert (await answered(server))[-1] == ReplyEnd("stop")


@pytest.mark.parametrize(
    ("told", "meant"),
    [("stop", "stop"), ("length", "max_tokens"), ("content_filter", "content_filter")],
)
async def test_finish_reason(told: str, meant: str, server: OpenAIStandin) -> None:
    server.answers = (Answer("Yes.", finish_reason=told),)
    end = (await answered(server))[-1]
    assert isinstance(end, ReplyEnd)
    assert end.finish_reason == meant


async def test_tool_calls_are_put_together(server: OpenAIStandin) -> None:
    calls = (
        ScriptedCall("set_volume", '{"level": 11, "reason": "because it is one louder"}', "call_a"),
        ScriptedCall("pause", "{}", "call_b"),
        ScriptedCall("stop", "", "call_c"),
    )
    server.answers = (Answer("Louder.", calls),)
    parts = await answered(server)
    assert text_of(parts) == "Louder."
    assert [part for part in parts if isinstance(part, ToolCall)] == [
        ToolCall(call.call_id, call.name, call.arguments_json) for call in calls
    ]
    assert [type(part) for part in parts[-2:]] == [ToolCall, ReplyEnd]


async def test_calls_without_ids_get_unique_ones(server: OpenAIStandin) -> None:
    server.answers = (Answer("", (ScriptedCall("a", "{}", ""), ScriptedCall("b", "{}", ""))),)
    calls = [part for part in await answered(server) if isinstance(part, ToolCall)]
    assert [call.name for call in calls] == ["a", "b"]
    assert all(call.call_id for call in calls)
    assert calls[0].call_id != calls[1].call_id


async def test_calls_numbered_alike_are_told_by_their_ids() -> None:
    request = {"model": "llama"}
    calls = [
        {"index": 0, "id": name, "function": {"name": name, "arguments": "{}"}} for name in "ab"
    ]
    events = [chat_event(request, {"tool_calls": [call]}) for call in calls]
    events.append(chat_event(request, {}, finish_reason="tool_calls"))
    async with (
        answering(b"".join(events), "text/event-stream") as base_url,
        open_openai_responder(settings_of(base_url)) as responder,
    ):
        parts = [part async for part in responder.respond(QUESTION)]
    assert parts == [ToolCall("a", "a", "{}"), ToolCall("b", "b", "{}"), ReplyEnd("stop")]


async def test_conversation_with_tools_is_accepted(server: OpenAIStandin) -> None:
    request = ReplyRequest(
        history=(
            UserMessage("louder"),
            AssistantMessage("", (CalledTool("call_a", "set_volume", "{}"),)),
            ToolOutcome("call_a", '"done"'),
            AssistantMessage("It is louder now."),
            UserMessage("thanks"),
        ),
        tools=(Tool("set_volume", "sets the volume"),),
    )
    await answered(server, request)
    body = server.requests[0].body
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert [tool["function"]["name"] for tool in body["tools"]] == ["set_volume"]


async def test_unset_parameters_are_not_sent(server: OpenAIStandin) -> None:
    await answered(server)
    body = server.requests[0].body
    assert set(body) == {"model", "messages", "stream", "stream_options"}


async def test_zero_temperature_is_sent(server: OpenAIStandin) -> None:
    await answered(server, replace(QUESTION, temperature=0.0, max_output_tokens=7))
    body = server.requests[0].body
    assert (body["temperature"], body["max_tokens"]) == (0.0, 7)
    assert "max_completion_tokens" not in body


async def test_openai_itself_knows_the_limit_by_its_new_name(server: OpenAIStandin) -> None:
    endpoint = Endpoint(Stage.LLM, "gpt-5", DEADLINES)
    async with connected(endpoint_of(settings_of(server.base_url), Stage.LLM)) as client:
        engine = OpenAIResponder(client, endpoint)
        async for _ in engine.respond(replace(QUESTION, max_output_tokens=7)):
            pass
    body = server.requests[0].body
    assert body["max_completion_tokens"] == 7
    assert "max_tokens" not in body


async def test_closing_hangs_up_and_the_next_answer_comes(server: OpenAIStandin) -> None:
    server.latencies = Latencies(llm_first_token_ms=0, llm_token_ms=20)
    async with open_openai_responder(settings_of(server.base_url)) as responder:
        async with aclosing(responder.respond(QUESTION)) as parts:
            await anext(parts)
        async with asyncio.timeout(5):
            await server.requests[0].ended.wait()
        assert not server.requests[0].was_answered
        server.latencies = Latencies(llm_first_token_ms=0, llm_token_ms=0)
        assert text_of([part async for part in responder.respond(QUESTION)]) == ANSWER


async def test_concurrent_answers_do_not_mix(server: OpenAIStandin) -> None:
    async with asyncio.TaskGroup() as tasks:
        runs = [tasks.create_task(answered(server)) for _ in range(8)]
    assert {text_of(run.result()) for run in runs} == {ANSWER}
