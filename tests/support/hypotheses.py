"""What a transcriber yields, apart: what it believes, and what it was sent."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from cedar_voice_service.providers.protocols import AudioSent, Hypothesis


async def hypotheses_of(
    results: AsyncGenerator[Hypothesis | AudioSent, None],
) -> AsyncIterator[Hypothesis]:
    """What it believes, as it comes."""
    async with aclosing(results):
        async for result in results:
            if isinstance(result, Hypothesis):
                yield result


async def told_of(
    results: AsyncGenerator[Hypothesis | AudioSent, None],
) -> tuple[list[Hypothesis], int]:
    """All that it believes, and the milliseconds it was sent."""
    hypotheses, sent_ms = [], 0
    async with aclosing(results):
        async for result in results:
            if isinstance(result, Hypothesis):
                hypotheses.append(result)
            else:
                sent_ms += result.duration_ms
    return hypotheses, sent_ms
