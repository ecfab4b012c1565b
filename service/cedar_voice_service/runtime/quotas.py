"""Limits per user: sessions, streams, answers, audio and messages."""

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from math import ceil

from cedar_voice_service.errors import RateLimited, Stage
from cedar_voice_service.providers.protocols import ReplyPart, ReplyRequest, Responder
from cedar_voice_service.session.history import ToolOutcome
from cedar_voice_shared.token_bucket import Clock, TokenBucket

MAX_IDLE_QUOTAS = 1_000
"""Users whose quotas are kept; above that, quotas that are full again are dropped."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Limits of a user; 0 is no limit."""

    max_sessions: int = 0
    streams_per_minute: int = 0
    turns_per_minute: int = 0
    audio_s_per_minute: int = 0
    messages_per_s: int = 0


BURST_STREAMS = 60
"""Every session of a user, resumed a few times by a bridge that was disconnected."""
BURST_TURNS = 20
BURST_AUDIO_S = 105.0
"""Half a minute of three conversations, sent again after a disconnection."""
BURST_MESSAGES = 4_000
"""A minute of audio in pieces of 20 ms, sent again after a disconnection, and as much again."""


class Quota:
    """Quota of one user, charged for every use."""

    def __init__(self, rates: Rates, clock_s: Clock = time.monotonic) -> None:
        self._rates = rates
        self._streams = _bucket(rates.streams_per_minute / 60, BURST_STREAMS, clock_s)
        self._turns = _bucket(rates.turns_per_minute / 60, BURST_TURNS, clock_s)
        self._audio_s = _bucket(rates.audio_s_per_minute / 60, BURST_AUDIO_S, clock_s)
        self._messages = _bucket(rates.messages_per_s, BURST_MESSAGES, clock_s)

    @property
    def is_full(self) -> bool:
        """Whether the quota is full, so that dropping it changes nothing."""
        buckets = (self._streams, self._turns, self._audio_s, self._messages)
        return all(bucket is None or bucket.is_full for bucket in buckets)

    def charge_stream(self) -> None:
        """Charge for a stream, of a session that begins or is resumed.

        Raises:
            RateLimited: of stage TRANSPORT.
        """
        limit = f"at most {self._rates.streams_per_minute} sessions begun or resumed a minute"
        _charge(self._streams, 1.0, limit, Stage.TRANSPORT)

    def check_session(self, open_count: int, *, retry_after_ms: int) -> None:
        """Check the number of sessions before another one is opened.

        Raises:
            RateLimited: the user has the most sessions that are allowed.
        """
        max_sessions = self._rates.max_sessions
        if max_sessions and open_count >= max_sessions:
            limit = f"at most {max_sessions} sessions at once"
            raise RateLimited(limit, Stage.TRANSPORT, retry_after_ms=retry_after_ms)

    def charge_answer(self) -> None:
        """Charge for an answer.

        Raises:
            RateLimited: of stage LLM.
        """
        limit = f"at most {self._rates.turns_per_minute} answers a minute"
        _charge(self._turns, 1.0, limit, Stage.LLM)

    def charge_audio(self, duration_ms: float) -> None:
        """Charge for audio of this length.

        Raises:
            RateLimited: of stage AUDIO_INPUT.
        """
        limit = f"at most {self._rates.audio_s_per_minute} s of audio a minute"
        _charge(self._audio_s, duration_ms / 1000, limit, Stage.AUDIO_INPUT)

    def charge_message(self) -> None:
        """Charge for a message.

        Raises:
            RateLimited: of stage TRANSPORT.
        """
        limit = f"at most {self._rates.messages_per_s} messages a second"
        _charge(self._messages, 1.0, limit, Stage.TRANSPORT)


class Quotas:
    """The quotas of all users.

    Args:
        rates: limits of each.
        clock_s: a monotonic clock.
    """

    def __init__(self, rates: Rates, clock_s: Clock = time.monotonic) -> None:
        self._rates = rates
        self._clock_s = clock_s
        self._quotas: dict[str, Quota] = {}

    def of(self, principal: str) -> Quota:
        """Return the quota of a user; all sessions of the user share it."""
        quota = self._quotas.get(principal)
        if quota is None:
            if len(self._quotas) >= MAX_IDLE_QUOTAS:
                self._drop_full()
            quota = self._quotas[principal] = Quota(self._rates, self._clock_s)
        return quota

    def _drop_full(self) -> None:
        self._quotas = {
            principal: quota for principal, quota in self._quotas.items() if not quota.is_full
        }


class RateLimitedResponder:
    """A responder that charges a quota for each answer. See `Responder`."""

    def __init__(self, responder: Responder, quota: Quota) -> None:
        self._responder = responder
        self._quota = quota

    def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        """Request an answer; continuing it after a tool call is free.

        Raises:
            RateLimited: of stage LLM.
        """
        if not (request.history and isinstance(request.history[-1], ToolOutcome)):
            self._quota.charge_answer()
        return self._responder.respond(request)


def _bucket(per_s: float, burst: float, clock_s: Clock) -> TokenBucket | None:
    return TokenBucket(per_s, burst, clock_s) if per_s else None


def _charge(bucket: TokenBucket | None, amount: float, limit: str, stage: Stage) -> None:
    wait_s = bucket.consume(amount) if bucket is not None else 0.0
    if wait_s:
        raise RateLimited(limit, stage, retry_after_ms=ceil(wait_s * 1000))


UNLIMITED = Quota(Rates())
"""Quotas without any limit, for clients that are not identified."""
