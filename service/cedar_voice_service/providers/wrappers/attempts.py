"""The attempts to get one answer of an engine: how often, after which pauses, and until when."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.deadlines import FirstResult, deadlines_of
from cedar_voice_service.settings import ServiceSettings

Result = TypeVar("Result")

# Full jitter: anything between nothing and 200 ms, then 400 ms, and so on.
_BACKOFF = wait_random_exponential(multiplier=0.2, max=2.0)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often an engine is asked, and for how long: milliseconds to the first useful result."""

    stage: Stage
    max_attempts: int
    first_result_ms: int


def retry_policy_of(settings: ServiceSettings, stage: Stage) -> RetryPolicy:
    """How often the settings let engines of a stage be asked."""
    first_result_ms = deadlines_of(settings, stage).first_result_ms
    return RetryPolicy(stage, settings.engine_attempts, first_result_ms)


def _always(_: object) -> bool:
    return True


class Attempts(Generic[Result]):
    """The attempts to get one answer.

    Args:
        counts: whether a result is the useful one that is waited for.
        void: what to yield when useful results do not count any more because of a new attempt;
            None where they cannot be taken back.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        counts: Callable[[Result], bool] = _always,
        void: Result | None = None,
    ) -> None:
        self.first_result = FirstResult(policy.stage, policy.first_result_ms)
        self._max_attempts = policy.max_attempts
        self._counts = counts
        self._void = void
        self._has_counted = False

    async def run(
        self, ask: Callable[[], AsyncGenerator[Result, None]]
    ) -> AsyncGenerator[Result, None]:
        """The results of the first attempt that succeeds.

        Raises:
            EngineError: of the last attempt.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception(self._may_repeat),
            wait=_pause_s,
            stop=self._is_enough,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                if self._has_counted and self._void is not None:
                    yield self._void
                    self._has_counted = False
                    self.first_result.start()
                async with aclosing(ask()) as results:
                    while (result := await self._next(results)) is not None:
                        yield result

    async def _next(self, results: AsyncGenerator[Result, None]) -> Result | None:
        if self._has_counted:
            return await anext(results, None)
        async with self.first_result.awaited():
            result = await anext(results, None)
        self._has_counted = result is not None and self._counts(result)
        return result

    def _may_repeat(self, error: BaseException) -> bool:
        is_new = not self._has_counted or self._void is not None
        return isinstance(error, EngineError) and error.retryable and is_new

    def _is_enough(self, state: RetryCallState) -> bool:
        if state.attempt_number >= self._max_attempts:
            return True
        return not self._has_counted and not self.first_result.is_worth(state.upcoming_sleep)


def _pause_s(state: RetryCallState) -> float:
    """The backoff, after the time for which the server asked to be left alone."""
    error = state.outcome.exception() if state.outcome else None
    asked_ms = error.retry_after_ms if isinstance(error, EngineError) else 0
    return asked_ms / 1000 + _BACKOFF(state)
