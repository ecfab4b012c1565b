"""The chunks of a streamed chat completion, read from the bytes of its event stream.

The SDK builds a model object for each token, which costs several times as much. This module also
checks the values that it reads, which the SDK does not.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from itertools import takewhile
from typing import Any

import msgspec

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.openai.connection import reported_failure

_DATA = b"data:"
_DONE = b"[DONE]"


class CalledFunction(msgspec.Struct):
    """A piece of a called function; `arguments` is JSON text to append."""

    name: str | None = None
    arguments: str | None = None


class CallFragment(msgspec.Struct):
    """A piece of a tool call; `id` comes with the first one, from most servers."""

    index: int = 0
    id: str | None = None
    function: CalledFunction | None = None


class Delta(msgspec.Struct):
    """The new part of a choice."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[CallFragment] | None = None


class Choice(msgspec.Struct):
    """One of the alternatives that are generated; Cedar Voice requests one."""

    delta: Delta | None = None
    finish_reason: str | None = None

    @property
    def text(self) -> str:
        """Text to append, of an answer or of a refusal."""
        return (self.delta and (self.delta.content or self.delta.refusal)) or ""


class TokenCounts(msgspec.Struct):
    """Tokens consumed by the whole completion."""

    prompt_tokens: int
    completion_tokens: int


class CompletionChunk(msgspec.Struct):
    """One event; `error` is a failure that a server reports in the middle of a stream."""

    choices: list[Choice] | None = None
    usage: TokenCounts | None = None
    error: Any = None


_decode = msgspec.json.Decoder(CompletionChunk).decode


async def chunks_of(pieces: AsyncIterator[bytes]) -> AsyncGenerator[list[CompletionChunk], None]:
    """Read an event stream, cut into any pieces; yield the chunks that each piece completes.

    Raises:
        EngineError: the server reports a failure in the stream.
        ValueError: an event is no chunk.
    """
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        events = (line[len(_DATA) :].strip() for line in lines if line.startswith(_DATA))
        # Read on to the end of the answer: the connection is used again.
        chunks = [_decode(event) for event in events if event != _DONE]
        sound = [*takewhile(lambda chunk: chunk.error is None, chunks)]
        yield sound
        if len(sound) < len(chunks):
            raise _failure(chunks[len(sound)].error)


def _failure(error: Any) -> EngineError:
    details = error if isinstance(error, dict) else {}
    return reported_failure(Stage.LLM, _text(details.get("type")), _text(details.get("code")))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
