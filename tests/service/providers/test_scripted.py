"""The scripted engines: the demo's responder, and the doubles."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from itertools import pairwise

import pytest

from cedar_voice_service.audio.formats import AudioBlock, Pcm
from cedar_voice_service.providers.protocols import (
    ReplyEnd,
    ReplyPart,
    ReplyRequest,
    ReplyText,
    SpeechRequest,
    ToolCall,
)
from cedar_voice_service.providers.scripted.engine import (
    ScriptedResponder,
    ScriptedTranscriber,
    ToneSynthesizer,
)
from cedar_voice_service.session.config import Tool
from cedar_voice_service.session.history import (
    AssistantMessage,
    CalledTool,
    HistoryItem,
    ToolOutcome,
    UserMessage,
)

THEME = Tool(
    "setTheme",
    parameters={
        "type": "object",
        "properties": {"theme": {"type": "string", "enum": ["dark", "light"]}},
        "required": ["theme"],
    },
)
NOON = datetime(2026, 11, 21, 12, 5)


async def parts(request: ReplyRequest, **replies: str) -> list[ReplyPart]:
    responder = ScriptedResponder(replies, now=lambda: NOON)
    return [part async for part in responder.respond(request)]


async def said(text: str, context_json: str = "", **replies: str) -> str:
    request = ReplyRequest((UserMessage(text),), context_json=context_json, tools=(THEME,))
    reply = await parts(request, **replies)
    assert reply[-1] == ReplyEnd()
    return text_of(reply)


def text_of(reply: list[ReplyPart]) -> str:
    return "".join(part.text for part in reply if isinstance(part, ReplyText))


def calls_of(reply: list[ReplyPart]) -> list[ToolCall]:
    return [part for part in reply if isinstance(part, ToolCall)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello!", "scripted demo"),
        ("who are you", "not a language model"),
        ("what time is it?", "12:05"),
        ("what day is it today", "Saturday, 21 November 2026"),
        ("I like bananas.", "I understood: I like bananas."),
        ("", "did not hear"),
        ("set the theme", "I miss theme"),
        ("what do you see", "nothing of its state"),
    ],
)
async def test_it_answers_by_rules_and_says_what_it_is(text: str, expected: str) -> None:
    assert expected in await said(text)


async def test_it_names_what_the_application_shows() -> None:
    assert "cart, theme" in await said("what do you see", '{"cart": [], "theme": "dark"}')
    assert "nothing" in await said("what do you see", "not json")


async def test_replies_come_before_the_rules() -> None:
    assert await said("Hello, how is the Weather?", weather="Sunny.") == "Sunny."
    assert await said("weatherman", weather="Sunny.") == "I understood: weatherman."


async def test_the_text_comes_in_pieces_of_whole_words() -> None:
    reply = await parts(ReplyRequest((UserMessage("who are you"),)))
    pieces = [part.text for part in reply if isinstance(part, ReplyText)]
    assert len(pieces) > 5
    assert all(len(piece.split()) <= 3 for piece in pieces)
    assert "  " not in "".join(pieces)


async def test_a_tool_is_called_when_the_words_name_it() -> None:
    reply = await parts(ReplyRequest((UserMessage("set the theme to dark"),), tools=(THEME,)))
    (call,) = calls_of(reply)
    assert call.name == "setTheme"
    assert json.loads(call.arguments_json) == {"theme": "dark"}
    assert text_of(reply) == "Okay, set theme: dark."


@pytest.mark.parametrize(
    ("output", "expected"),
    [("{}", "Done."), ("", "Done."), ("oops", "Done."), ('{"error": "x"}', "That did not work.")],
)
async def test_it_reports_what_came_of_a_call(output: str, expected: str) -> None:
    called = CalledTool("scripted-1", "setTheme", "{}")
    history = (UserMessage("x"), AssistantMessage("", (called,)), ToolOutcome("scripted-1", output))
    assert text_of(await parts(ReplyRequest(history, tools=(THEME,)))) == expected


async def test_each_call_of_a_conversation_has_its_own_id() -> None:
    history: list[HistoryItem] = []
    for _ in range(3):
        history.append(UserMessage("set theme to dark"))
        reply = await parts(ReplyRequest(tuple(history), tools=(THEME,)))
        (call,) = calls_of(reply)
        called = CalledTool(call.call_id, call.name, call.arguments_json)
        history += [AssistantMessage("", (called,)), ToolOutcome(call.call_id, "{}")]
    ids = [item.call_id for item in history if isinstance(item, ToolOutcome)]
    assert len(set(ids)) == 3


async def heard(transcriber: ScriptedTranscriber, duration_ms: int) -> list[tuple[str, bool]]:
    async def audio() -> AsyncIterator[AudioBlock]:
        for end_ms in range(20, duration_ms + 1, 20):
            yield AudioBlock(Pcm(bytes(640)), end_ms)

    return [(h.text, h.is_final) async for h in transcriber.transcribe(audio(), "en-US")]


async def test_the_transcriber_grows_a_word_each_200_ms() -> None:
    transcriber = ScriptedTranscriber(["one two three", "four"])
    assert await heard(transcriber, 500) == [
        ("one", False),
        ("one two", False),
        ("one two three", True),
    ]
    assert await heard(transcriber, 2_000) == [("four", False), ("four", True)]
    assert (await heard(transcriber, 100))[-1] == ("one two three", True)


async def test_no_audio_is_silence() -> None:
    assert await heard(ScriptedTranscriber(), 0) == [("", True)]
    assert await heard(ScriptedTranscriber([]), 400) == [("", True)]


@pytest.mark.parametrize(("rate", "duration_ms"), [(1.0, 550), (2.0, 275), (0.5, 1_100)])
async def test_the_tone_lasts_as_long_as_its_text(rate: float, duration_ms: float) -> None:
    request = SpeechRequest("hello there", rate=rate)
    blocks = [block async for block in ToneSynthesizer().synthesize(request)]
    assert sum(block.duration_ms for block in blocks) == duration_ms
    assert {block.sample_rate_hz for block in blocks} == {24_000}
    assert all(block.duration_ms <= 100 for block in blocks)


async def test_the_tone_of_a_pitch() -> None:
    async def crossings(pitch: float) -> int:
        request = SpeechRequest("x" * 20, pitch=pitch)
        data = b"".join([block.data async for block in ToneSynthesizer().synthesize(request)])
        samples = memoryview(data).cast("h")
        return sum(before < 0 <= after for before, after in pairwise(samples))

    low, high = await asyncio.gather(crossings(1.0), crossings(2.0))
    assert abs(low - 440) <= 1
    assert abs(high - 880) <= 1
