"""Rate limits for many keys, such as users and addresses."""

import time
from collections import OrderedDict
from collections.abc import Hashable

from cedar_voice_shared.token_bucket import Clock, TokenBucket

MAX_KEPT = 10_000
"""Number of keys whose use is remembered; the one that was idle longest is forgotten first."""


class RateLimiter:
    """A limit of uses per minute for each key; as many may come at once.

    Args:
        per_minute: uses per minute; 0 is no limit.
        clock_s: a monotonic clock.
    """

    def __init__(self, per_minute: int, clock_s: Clock = time.monotonic) -> None:
        self.per_minute = per_minute
        self._clock_s = clock_s
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def wait_s(self, key: Hashable) -> float:
        """Return the seconds until the next use of a key is allowed; 0.0 if it is allowed now."""
        bucket = self._buckets.get(key)
        return 0.0 if bucket is None else bucket.wait_s()

    def count(self, key: Hashable) -> float:
        """Count a use of a key and return 0.0; over the limit, the seconds until it is allowed."""
        if not self.per_minute:
            return 0.0
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            bucket = TokenBucket(self.per_minute / 60, self.per_minute, self._clock_s)
        self._buckets[key] = bucket
        if len(self._buckets) > MAX_KEPT:
            self._buckets.popitem(last=False)
        return bucket.consume()
