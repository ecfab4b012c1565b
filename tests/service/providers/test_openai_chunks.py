"""The event stream of a completion: the same chunks however it is cut, errors told as such."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cedar_voice_service.errors import EngineError
from cedar_voice_service.providers.openai.chunks import CompletionChunk, chunks_of

STREAM = (
    ": a comment\n\n"
    'data: {"choices":[{"delta":{"role":"assistant","content":"Gr\u00fc\u00df "}}]}\r\n\r\n'
    "event: completion\n"
    'data:{"choices":[{"delta":{"content":"dich"},"finish_reason":"stop"}],"unknown":[1]}\n\n'
    'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n'
    "data: [DONE]\n\n"
).encode()


def read(*pieces: bytes) -> list[CompletionChunk]:
    """The chunks in these pieces of a stream."""

    async def given_pieces() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def collect() -> list[CompletionChunk]:
        return [chunk async for bunch in chunks_of(given_pieces()) for chunk in bunch]

    return asyncio.run(collect())


def test_text_reason_and_usage_are_read() -> None:
    first, second, third = read(STREAM)
    assert (
        first.choices
        and first.choices[0].delta
        and first.choices[0].delta.content == "Gr\u00fc\u00df "
    )
    assert second.choices and second.choices[0].finish_reason == "stop"
    assert third.usage and (third.usage.prompt_tokens, third.usage.completion_tokens) == (3, 2)


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_it_does_not_matter_where_the_stream_is_cut(cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in pairwise(borders)]
    assert read(*pieces) == read(STREAM)


def test_a_failure_in_the_stream_is_the_servers() -> None:
    event = b'data: {"error": {"type": "server_error", "code": "overloaded"}}\n\n'
    with pytest.raises(EngineError, match="overloaded"):
        read(event)


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"choices": 3}', b'{"usage": {}}', b"null"])
def test_what_is_no_chunk_is_unreadable(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(b"data: " + data + b"\n\n")
