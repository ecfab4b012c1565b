"""How often each of many may do something."""

import time
from collections import OrderedDict
from collections.abc import Hashable

from cedar_voice_shared.token_bucket import Clock, TokenBucket

MAX_KEPT = 10_000
"""Of whom is remembered what they did; the longest idle is forgotten first."""


class RateLimiter:
    """So often a minute, and as much at once.

    Args:
        per_minute: 0 is no limit.
        clock_s: a clock that never goes back.
    """

    def __init__(self, per_minute: int, clock_s: Clock = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock_s = clock_s
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def wait_s(self, who: Hashable) -> float:
        """How many seconds from now it may be done; 0.0 for at once."""
        bucket = self._buckets.get(who)
        return 0.0 if bucket is None else bucket.wait_s()

    def take(self, who: Hashable) -> float:
        """Note that it is done; 0.0, or how many seconds from now it may be."""
        if not self.per_minute:
            return 0.0
        bucket = self._buckets.pop(who, None)
        if bucket is None:
            bucket = TokenBucket(self.per_minute / 60, self.per_minute, self._clock_s)
        self._buckets[who] = bucket
        if len(self._buckets) > MAX_KEPT:
            self._buckets.popitem(last=False)
        return bucket.consume()
