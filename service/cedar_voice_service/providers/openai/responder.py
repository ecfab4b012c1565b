"""The language model over `chat/completions` of OpenAI or another server."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from uuid import uuid4

from openai import AsyncOpenAI, omit

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.openai.chunks import (
    CallFragment,
    Choice,
    CompletionChunk,
    TokenCounts,
    chunks_of,
)
from cedar_voice_service.providers.openai.connection import timed_results
from cedar_voice_service.providers.openai.endpoint import Endpoint
from cedar_voice_service.providers.openai.prompt import messages_of, tools_of
from cedar_voice_service.providers.protocols import (
    ReplyEnd,
    ReplyPart,
    ReplyRequest,
    ReplyText,
    ToolCall,
)
from cedar_voice_service.session.pacing import until_beat_s
from cedar_voice_service.session.response.phrases import PhraseCutter

_FINISH_REASONS = {"length": "max_tokens", "content_filter": "content_filter"}


class OpenAIResponder:
    """Streams the answer of a chat model."""

    def __init__(self, client: AsyncOpenAI, endpoint: Endpoint) -> None:
        # Access to the resource imports its modules now and not in the first turn.
        self._completions = client.chat.completions
        self._endpoint = endpoint

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        """Answer the conversation so far. See `Responder.respond`."""
        reply = _Reply()
        async with aclosing(timed_results(self._endpoint, self._chunks(request))) as bunches:
            async for bunch in bunches:
                for part in reply.read(bunch):
                    yield part
        yield reply.end()

    async def _chunks(self, request: ReplyRequest) -> AsyncGenerator[list[CompletionChunk], None]:
        """Yield the chunks of the stream that extend the answer, as they arrive.

        After the first phrase several chunks are fetched together, on the beats of the clock: the
        speech and the reader of the answer are behind, and each fetch has its price.
        """
        limit = request.max_output_tokens or omit
        # OpenAI's reasoning models refuse the old name of the limit, other servers the new one.
        knows_new_name = self._endpoint.is_openais_own
        # The SDK inspects every message whose type it knows, which blocks the loop the longer, the
        # longer the conversation is. An extra is sent unchanged.
        conversation: dict[str, object] = {"messages": messages_of(request)}
        if tools := tools_of(request.tools):
            conversation["tools"] = tools
        asking = self._completions.with_streaming_response.create(
            model=self._endpoint.model,
            messages=(),
            extra_body=conversation,
            temperature=omit if request.temperature is None else request.temperature,
            max_completion_tokens=limit if knows_new_name else omit,
            max_tokens=omit if knows_new_name else limit,
            stream=True,
            stream_options={"include_usage": True},
        )
        cutter, is_first_phrase = PhraseCutter(), True
        async with asking as response, aclosing(chunks_of(response.iter_bytes())) as bunches:
            async for bunch in bunches:
                if useful := [chunk for chunk in bunch if _is_useful(chunk)]:
                    yield useful
                is_first_phrase = is_first_phrase and not cutter.feed(_text_of(useful))
                if not is_first_phrase:
                    now_s = asyncio.get_running_loop().time()
                    await asyncio.sleep(until_beat_s(now_s))


def _is_useful(chunk: CompletionChunk) -> bool:
    return bool(chunk.usage) or any(
        choice.finish_reason or choice.text or (choice.delta and choice.delta.tool_calls)
        for choice in chunk.choices or ()
    )


def _text_of(bunch: Sequence[CompletionChunk]) -> str:
    return "".join(choice.text for chunk in bunch for choice in chunk.choices or ())


@dataclass(slots=True)
class _PartialCall:
    """A tool call as far as it arrived."""

    index: int
    call_id: str = ""
    name: str = ""
    arguments_json: str = ""

    def add(self, fragment: CallFragment) -> None:
        self.call_id = self.call_id or fragment.id or ""
        if fragment.function:
            self.name += fragment.function.name or ""
            self.arguments_json += fragment.function.arguments or ""

    def complete(self) -> ToolCall:
        # Some servers give calls no id; it must be unique within the session.
        call_id = self.call_id or f"call_{uuid4().hex}"
        return ToolCall(call_id, self.name, self.arguments_json)


class _Reply:
    """Turns the chunks of one stream into the parts of a reply."""

    def __init__(self) -> None:
        self._calls: list[_PartialCall] = []
        self._finish_reason = ""
        self._usage: TokenCounts | None = None

    def read(self, bunch: Sequence[CompletionChunk]) -> Iterator[ReplyPart]:
        texts = [choice.text for chunk in bunch for choice in chunk.choices or () if choice.text]
        if texts:
            yield ReplyText("".join(texts), len(texts))
        for chunk in bunch:
            self._usage = chunk.usage or self._usage
            for choice in chunk.choices or ():
                yield from self._read_calls(choice)

    def _read_calls(self, choice: Choice) -> Iterator[ToolCall]:
        for fragment in (choice.delta and choice.delta.tool_calls) or ():
            self._call_of(fragment).add(fragment)
        if choice.finish_reason:
            self._finish_reason = choice.finish_reason
            yield from self._complete_calls()

    def end(self) -> ReplyEnd:
        """Return the end of the reply.

        Raises:
            EngineError: the stream ended without a reason, so it was cut.
        """
        if not self._finish_reason:
            raise EngineError(Stage.LLM, "the language model's answer was cut off")
        usage = self._usage
        return ReplyEnd(
            finish_reason=_FINISH_REASONS.get(self._finish_reason, "stop"),
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
        )

    def _call_of(self, fragment: CallFragment) -> _PartialCall:
        """Return the call that a fragment continues; some servers number all calls alike."""
        for call in reversed(self._calls):
            if call.index == fragment.index and fragment.id in (None, "", call.call_id):
                return call
        self._calls.append(_PartialCall(fragment.index))
        return self._calls[-1]

    def _complete_calls(self) -> Iterator[ToolCall]:
        for call in self._calls:
            yield call.complete()
        self._calls.clear()
