"""The budget of an utterance: the rate of its requests, and the audio that they may send."""

STEP_MS = 500
"""New sound between two requests about a window, at least."""

GROWTH = 0.5
"""New sound between two requests about a window, over the sound of the one before."""

MOST_SENT = 4
"""Ratio of the audio sent for an utterance to the speech in it, at most."""

GRACE_MS = 320
"""Audio that may be sent beyond that ratio: the silence around the first words."""

_MOST_DOUBLINGS = 4


class AudioBudget:
    """Keeps the audio sent for an utterance within `MOST_SENT` times its speech, and a constant.

    No request is made that would leave too little for the last one, which is made in any case. So
    the limit holds whatever becomes of the requests, if every piece of speech is as long as a third
    of the silence that is sent with it. After a failure requests pause, and twice as long after
    each further failure.

    Times are milliseconds of sound since the utterance began.
    """

    def __init__(self) -> None:
        self.request_count = 0
        self.sent_ms = 0
        self._last_at_ms: int | None = None
        self._last_cost_ms = 0
        self._failures = 0
        self._held_until_ms = 0

    def new_ms(self, now_ms: int, since_ms: int) -> int:
        """Return the sound since the last request about the window, or since speech began in it."""
        return now_ms - (since_ms if self._last_at_ms is None else self._last_at_ms)

    def wait_ms(self, step_factor: int) -> int:
        """Return the new sound that a partial needs; `step_factor` multiplies the interval."""
        return max(STEP_MS * step_factor, int(GROWTH * self._last_cost_ms))

    def allows(self, cost_ms: int, spoken_ms: int) -> bool:
        """Whether the budget covers a request of `cost_ms`, given the speech so far."""
        return self.sent_ms + cost_ms <= MOST_SENT * spoken_ms + GRACE_MS

    def spend(self, now_ms: int, cost_ms: int) -> None:
        """Record a request that sends `cost_ms` of audio."""
        self.request_count += 1
        self.sent_ms += cost_ms
        self._last_at_ms, self._last_cost_ms = now_ms, cost_ms

    def start_window(self) -> None:
        """Begin another window: the interval to its first request counts from its own speech."""
        self._last_at_ms, self._last_cost_ms = None, 0

    def is_held(self, now_ms: int) -> bool:
        """Whether requests pause after a failure."""
        return now_ms < self._held_until_ms

    def succeeded(self) -> None:
        """Record an answer; the next failure pauses requests for the shortest time."""
        self._failures = 0

    def failed(self, now_ms: int, pause_ms: int) -> None:
        """Record a failure; `pause_ms` is the pause that the recognizer asks for, or 0."""
        self._failures += 1
        backoff_ms = STEP_MS << min(self._failures, _MOST_DOUBLINGS)
        self._held_until_ms = now_ms + max(pause_ms, backoff_ms)
