"""Repeated requests to an engine that fails: how often, after which pauses, and until when.

A request is repeated as long as nothing was made of its results: until a transcript is final, until
the first part of a reply, and for speech always, because a phrase can be begun anew. In any case
the first useful result comes within the deadline of its stage, or an error does.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.deadlines import FirstResult, deadlines_of
from cedar_voice_service.providers.wrappers.stage import Engine, Request, Result, StageKind
from cedar_voice_service.settings import ServiceSettings

# Full jitter: anything between nothing and 200 ms, then 400 ms, and so on.
_BACKOFF = wait_random_exponential(multiplier=0.2, max=2.0)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Number of attempts, and milliseconds to the first useful result of all of them together."""

    stage: Stage
    max_attempts: int
    first_result_ms: int


def retry_policy_of(settings: ServiceSettings, stage: Stage) -> RetryPolicy:
    """Return the policy that the settings give the engines of a stage."""
    first_result_ms = deadlines_of(settings, stage).first_result_ms
    return RetryPolicy(stage, settings.reliability.engine_attempts, first_result_ms)


def retried(
    kind: StageKind[Engine, Request, Result], engine: Engine, policy: RetryPolicy
) -> Engine:
    """Return an engine whose failed requests are repeated."""
    requesting = kind.requesting(engine)

    def repeating(request: Request) -> AsyncGenerator[Result, None]:
        attempts = Attempts(policy, kind.is_useful, kind.restart_marker)
        next_request = kind.replay(request, attempts.first_result.start)
        return attempts.run(lambda: requesting(next_request()))

    return kind.engine(repeating)


class Attempts(Generic[Result]):
    """The attempts at one request.

    Args:
        policy: how many, and until when.
        is_useful: whether a result is the awaited one.
        restart_marker: yielded where a new attempt withdraws useful results; None where they
            cannot be withdrawn, so that the request is not repeated after them.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        is_useful: Callable[[Result], bool],
        restart_marker: Result | None = None,
    ) -> None:
        self.first_result = FirstResult(policy.stage, policy.first_result_ms)
        self._max_attempts = policy.max_attempts
        self._is_useful = is_useful
        self._restart_marker = restart_marker
        self._has_useful = False

    async def run(
        self, attempt: Callable[[], AsyncGenerator[Result, None]]
    ) -> AsyncGenerator[Result, None]:
        """Yield the results of the attempts, up to the end of the first that succeeds.

        Raises:
            EngineError: of the last attempt.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception(self._may_repeat),
            wait=_pause_s,
            stop=self._is_enough,
            reraise=True,
        )
        async for state in retrying:
            with state:
                if self._has_useful and self._restart_marker is not None:
                    yield self._restart_marker
                    self._has_useful = False
                    self.first_result.start()
                async with aclosing(attempt()) as results:
                    while (result := await self._next(results)) is not None:
                        yield result

    async def _next(self, results: AsyncGenerator[Result, None]) -> Result | None:
        if self._has_useful:
            return await anext(results, None)
        async with self.first_result.awaited():
            result = await anext(results, None)
        self._has_useful = result is not None and self._is_useful(result)
        return result

    def _may_repeat(self, error: BaseException) -> bool:
        is_new = not self._has_useful or self._restart_marker is not None
        return isinstance(error, EngineError) and error.retryable and is_new

    def _is_enough(self, state: RetryCallState) -> bool:
        if state.attempt_number >= self._max_attempts:
            return True
        return not self._has_useful and not self.first_result.allows(state.upcoming_sleep)


def _pause_s(state: RetryCallState) -> float:
    """Return the backoff, added to the pause that the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked_ms = error.retry_after_ms if isinstance(error, EngineError) else 0
    return asked_ms / 1000 + _BACKOFF(state)
