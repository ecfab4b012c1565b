"""Running a language model for one turn: text, actions and phrases as they arrive."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from cedar_voice_service.errors import EngineError
from cedar_voice_service.providers.protocols import (
    ReplyEnd,
    ReplyPart,
    ReplyRequest,
    ReplyText,
    Responder,
    ToolCall,
)
from cedar_voice_service.runtime.stt_stage import Report
from cedar_voice_service.session import events as on
from cedar_voice_service.session.answer_parts import (
    ACTION_REFUSED_JSON,
    ACTION_SENT_JSON,
    FinishReason,
    Usage,
)
from cedar_voice_service.session.history import (
    AssistantMessage,
    CalledTool,
    HistoryItem,
    ToolOutcome,
)
from cedar_voice_service.session.response.phrases import PhraseCutter
from cedar_voice_service.session.tools import action_of

MAX_ROUNDS = 4
"""Calls of a model in one turn, each after the results of its tools."""


class VerbatimResponder:
    """A responder whose answer is a given text."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        """Yield the text. See `Responder.respond`."""
        yield ReplyText(self._text)
        yield ReplyEnd()


class LlmStage:
    """Requests the answer of one turn; puts its phrases into `phrases`, None after the last."""

    def __init__(
        self,
        responder: Responder,
        phrases: asyncio.Queue[str | None],
        *,
        work_id: int,
        term: int,
        report: Report,
    ) -> None:
        self._responder = responder
        self._phrases = phrases
        self._work_id = work_id
        self._term = term
        self._report = report
        self._cutter = PhraseCutter()
        self._call_count = 0

    async def run(self, request: ReplyRequest) -> None:
        """Run until the answer is complete; request it again while the model only calls tools."""
        ended: on.WorkEvent
        try:
            ended = await self._write(request)
        except EngineError as error:
            ended = on.ReplyFailed(self._work_id, error)
        await self._report(ended)
        await self._queue(self._cutter.flush())
        await self._phrases.put(None)

    async def _write(self, request: ReplyRequest) -> on.ReplyEnded:
        prompt_tokens = completion_tokens = 0
        knows_usage = False
        end = ReplyEnd()
        for _ in range(MAX_ROUNDS):
            end, items = await self._round(request)
            if end.prompt_tokens is not None and end.completion_tokens is not None:
                knows_usage = True
                prompt_tokens += end.prompt_tokens
                completion_tokens += end.completion_tokens
            if not items:
                break
            request = replace(request, history=request.history + items)
        usage = Usage(prompt_tokens, completion_tokens) if knows_usage else None
        return on.ReplyEnded(self._work_id, FinishReason(end.finish_reason), usage)

    async def _round(self, request: ReplyRequest) -> tuple[ReplyEnd, tuple[HistoryItem, ...]]:
        """Call the model once; return the items of its tools, with which it is called again."""
        end = ReplyEnd()
        text = ""
        calls: list[CalledTool] = []
        outcomes: list[ToolOutcome] = []
        async with aclosing(self._responder.respond(request)) as parts:
            async for part in parts:
                match part:
                    case ReplyText(piece, token_count):
                        # Half a character, which JSON can spell, cannot be encoded for a client.
                        piece = piece.encode(errors="replace").decode()
                        text += piece
                        await self._report(on.ReplyWritten(self._work_id, piece, token_count))
                        await self._queue(self._cutter.feed(piece))
                    case ToolCall():
                        calls.append(CalledTool(part.call_id, part.name, part.arguments_json))
                        outcomes.append(await self._call(request, part))
                    case ReplyEnd():
                        end = part
        if not calls or text.strip():
            return end, ()
        return end, (AssistantMessage("", tool_calls=tuple(calls)), *outcomes)

    async def _call(self, request: ReplyRequest, call: ToolCall) -> ToolOutcome:
        self._call_count += 1
        try:
            action = action_of(
                request.tools,
                action_id=f"action-{self._term}-{self._work_id}-{self._call_count}",
                name=call.name,
                arguments_json=call.arguments_json,
            )
        except EngineError as error:
            await self._report(on.ToolRefused(self._work_id, error))
            return ToolOutcome(call.call_id, ACTION_REFUSED_JSON)
        await self._report(on.ToolCalled(self._work_id, call.call_id, action))
        return ToolOutcome(call.call_id, ACTION_SENT_JSON)

    async def _queue(self, phrases: list[str]) -> None:
        for phrase in phrases:
            await self._phrases.put(phrase)
