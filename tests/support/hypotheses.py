"""Results of a transcriber, by kind: hypotheses, and the audio sent to the engine."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from cedar_voice_service.providers.protocols import AudioSent, Hypothesis


async def hypotheses_of(
    results: AsyncGenerator[Hypothesis | AudioSent, None],
) -> AsyncIterator[Hypothesis]:
    """Yield the hypotheses as they arrive."""
    async with aclosing(results):
        async for result in results:
            if isinstance(result, Hypothesis):
                yield result


async def told_of(
    results: AsyncGenerator[Hypothesis | AudioSent, None],
) -> tuple[list[Hypothesis], int]:
    """Return all hypotheses, and the milliseconds of audio sent to the engine."""
    hypotheses, sent_ms = [], 0
    async with aclosing(results):
        async for result in results:
            if isinstance(result, Hypothesis):
                hypotheses.append(result)
            else:
                sent_ms += result.duration_ms
    return hypotheses, sent_ms
