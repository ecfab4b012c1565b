"""The rules of the scripted responder: from the words of the user to an answer. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from cedar_voice_service.providers.protocols import ReplyRequest, ToolCall
from cedar_voice_service.providers.scripted.commands import SpokenCommand, find_command, words_of
from cedar_voice_service.session.history import (
    AssistantMessage,
    HistoryItem,
    ToolOutcome,
    UserMessage,
)

_CALL_ID_PREFIX = "scripted-"
_GREETINGS = frozenset({"hello", "hi", "hey", "morning", "evening", "greetings"})
_IDENTITY_QUESTIONS = ("who are you", "what are you", "what can you do", "help", "model")
_CONTEXT_QUESTIONS = ("what do you see", "what do you know", "what is on the screen", "context")
_GREETING = "Hello. I am the scripted demo of Cedar Voice. Say something and I will repeat it."
_IDENTITY = (
    "I am a scripted demo, not a language model. I repeat what I understand and I call the actions "
    "of this application by their names. Give the service an OpenAI key, or the address of another "
    "model server, to plug in a model."
)
_NO_WORDS = "I did not hear any words. Please try again."


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """The text of an answer, and the tool that is called after it."""

    text: str
    tool_call: ToolCall | None = None


class Rules:
    """Applies the first rule that fits. `replies` maps words of the user to answers."""

    def __init__(self, replies: Mapping[str, str], now: Callable[[], datetime]) -> None:
        self._replies = {" ".join(words_of(key)).lower(): text for key, text in replies.items()}
        self._now = now

    def answer(self, request: ReplyRequest) -> ScriptedAnswer:
        """Answer the last user message, or report the tool outcomes that follow it."""
        outcomes = _closing_outcomes(request.history)
        if outcomes:
            return ScriptedAnswer(_report(outcomes))
        spoken = _last_words_of_user(request.history)
        words = " ".join(words_of(spoken)).lower()
        replies = self._replies.items()
        scripted = next((text for key, text in replies if _contains(words, key)), None)
        if scripted is not None:
            return ScriptedAnswer(scripted)
        command = find_command(spoken, request.tools)
        if command is not None:
            return _obey(command, request.history)
        return ScriptedAnswer(self._small_talk(request, spoken, words))

    def _small_talk(self, request: ReplyRequest, spoken: str, words: str) -> str:
        if not any(isinstance(item, UserMessage) for item in request.history):
            return _GREETING
        if not words:
            return _NO_WORDS
        if _contains(words, "what time", "the time"):
            return f"It is {self._now():%H:%M} on the server's clock."
        if _contains(words, "what day", "the date", "what date"):
            return f"Today is {self._now():%A, %d %B %Y}."
        if _contains(words, *_CONTEXT_QUESTIONS):
            return _context(request.context_json)
        if _contains(words, *_IDENTITY_QUESTIONS):
            return _IDENTITY
        if _GREETINGS.intersection(words.split()[:2]):
            return _GREETING
        return f"I understood: {spoken.strip().rstrip('.!?')}."


def _contains(words: str, *phrases: str) -> bool:
    return any(f" {phrase} " in f" {words} " for phrase in phrases)


def _last_words_of_user(history: tuple[HistoryItem, ...]) -> str:
    return next((item.text for item in reversed(history) if isinstance(item, UserMessage)), "")


def _closing_outcomes(history: tuple[HistoryItem, ...]) -> list[ToolOutcome]:
    closing = takewhile(lambda item: isinstance(item, ToolOutcome), reversed(history))
    return [item for item in closing if isinstance(item, ToolOutcome)]


def _report(outcomes: list[ToolOutcome]) -> str:
    return "That did not work." if any(map(_failed, outcomes)) else "Done."


def _failed(outcome: ToolOutcome) -> bool:
    try:
        output = json.loads(outcome.output_json or "null")
    except ValueError:
        return False
    return isinstance(output, dict) and bool(output.get("error"))


def _obey(command: SpokenCommand, history: tuple[HistoryItem, ...]) -> ScriptedAnswer:
    if command.missing:
        return ScriptedAnswer(
            f"I can do {command.spoken_name}, but I miss {' and '.join(command.missing)}."
        )
    values = ", ".join(str(value) for value in command.arguments.values())
    call = ToolCall(_next_call_id(history), command.tool.name, json.dumps(command.arguments))
    return ScriptedAnswer(f"Okay, {command.spoken_name}{': ' + values if values else ''}.", call)


def _next_call_id(history: tuple[HistoryItem, ...]) -> str:
    calls = [
        call for item in history if isinstance(item, AssistantMessage) for call in item.tool_calls
    ]
    numbers = [call.call_id.removeprefix(_CALL_ID_PREFIX) for call in calls]
    highest = max((int(number) for number in numbers if number.isdecimal()), default=0)
    return f"{_CALL_ID_PREFIX}{highest + 1}"


def _context(context_json: str) -> str:
    try:
        context = json.loads(context_json or "{}")
    except ValueError:
        context = None
    if not isinstance(context, dict) or not context:
        return "This application shows me nothing of its state."
    return f"This application shows me {', '.join(context)}."
