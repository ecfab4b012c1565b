"""How often an utterance is asked about, and how much audio that may cost."""

STEP_MS = 500
"""New sound between two requests about a window, at least."""

GROWTH = 0.5
"""New sound between two requests about a window, over the sound of the one before."""

MOST_SENT = 4.0
"""Audio sent for an utterance, over what was spoken of it, short pauses included."""


class Spending:
    """Keeps the audio sent for an utterance within `MOST_SENT` times what was spoken.

    Partials of a growing window cost at most three times its length, whatever that is; what speech
    in short pieces costs beyond that is what the limit is for.
    """

    def __init__(self) -> None:
        self.request_count = 0
        self.sent_ms = 0
        self._last_at_ms: int | None = None
        self._last_cost_ms = 0

    def new_ms(self, now_ms: int, since_ms: int) -> int:
        """Sound since the last request about the window, or since speech began in it."""
        return now_ms - (since_ms if self._last_at_ms is None else self._last_at_ms)

    def wait_ms(self, step_factor: int) -> int:
        """New sound to wait for before a partial; `step_factor` spreads them."""
        return max(STEP_MS * step_factor, int(GROWTH * self._last_cost_ms))

    def allows(self, cost_ms: int, reserve_ms: int, spoken_ms: int) -> bool:
        """Whether a request can be afforded.

        Args:
            cost_ms: its audio.
            reserve_ms: audio that must still be affordable afterwards.
            spoken_ms: how long was spoken so far.
        """
        return self.sent_ms + cost_ms + reserve_ms <= MOST_SENT * spoken_ms

    def spend(self, now_ms: int, cost_ms: int) -> None:
        """A request is made."""
        self.request_count += 1
        self.sent_ms += cost_ms
        self._last_at_ms, self._last_cost_ms = now_ms, cost_ms

    def start_window(self) -> None:
        """What is asked next is about another window."""
        self._last_at_ms, self._last_cost_ms = None, 0
