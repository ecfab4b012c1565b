"""The longest waits for an engine, and the wait for the first result of one request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.settings import ServiceSettings

STAGE_NAMES = {
    Stage.STT: "speech recognition",
    Stage.LLM: "the language model",
    Stage.TTS: "speech synthesis",
}


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The longest waits for an engine, in milliseconds.

    `first_result_ms` runs from the request to the first useful result, for speech to text from the
    end of the utterance to its final transcript; requests that are repeated meanwhile share it.
    `next_result_ms` runs from one useful result to the next. `total_ms` is for all waits of one
    request together: time in which no further result is requested does not count.
    """

    connect_ms: int
    first_result_ms: int
    next_result_ms: int
    total_ms: int


def deadlines_of(settings: ServiceSettings, stage: Stage) -> Deadlines:
    """Return the deadlines of a stage; none is later than that of the turn."""
    stt, llm, tts = settings.stt, settings.llm, settings.tts
    first_ms, next_ms, total_ms = {
        Stage.STT: (stt.final_timeout_ms, stt.final_timeout_ms, stt.total_timeout_ms),
        Stage.LLM: (llm.first_timeout_ms, llm.next_timeout_ms, llm.total_timeout_ms),
        Stage.TTS: (tts.first_timeout_ms, tts.next_timeout_ms, tts.total_timeout_ms),
    }[stage]
    longest_ms = settings.reliability.stage_timeout_ms
    return Deadlines(
        connect_ms=min(settings.reliability.connect_timeout_ms, longest_ms),
        first_result_ms=min(first_ms, longest_ms),
        next_result_ms=min(next_ms, longest_ms),
        total_ms=total_ms,
    )


def too_slow(stage: Stage, limit_ms: int) -> EngineError:
    """Return the error of an engine without a result in time."""
    message = f"{STAGE_NAMES[stage]} gave no result for {limit_ms} ms"
    return EngineError(stage, message, code=Code.STAGE_TIMEOUT)


class FirstResult:
    """The wait for the first useful result of a stage, over all attempts to get it."""

    def __init__(self, stage: Stage, limit_ms: int) -> None:
        self._stage = stage
        self._limit_ms = limit_ms
        self._ends_at_s: float | None = None
        self._waiting: asyncio.Timeout | None = None

    def start(self) -> None:
        """Start the wait; a second start begins it anew."""
        self._ends_at_s = asyncio.get_running_loop().time() + self._limit_ms / 1000
        if self._waiting is not None:
            self._waiting.reschedule(self._ends_at_s)

    def allows(self, pause_s: float) -> bool:
        """Whether time is left after a pause."""
        if self._ends_at_s is None:
            return True
        return asyncio.get_running_loop().time() + pause_s < self._ends_at_s

    @asynccontextmanager
    async def awaited(self) -> AsyncIterator[None]:
        """Bound one wait by the deadline.

        Raises:
            EngineError: STAGE_TIMEOUT.
        """
        try:
            async with asyncio.timeout_at(self._ends_at_s) as self._waiting:
                yield
        except TimeoutError as error:
            raise too_slow(self._stage, self._limit_ms) from error
        finally:
            self._waiting = None
