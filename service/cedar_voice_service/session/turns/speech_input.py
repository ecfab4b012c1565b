"""The user's speech as detected so far, and the part of it that belongs to no turn yet.

All times are milliseconds of input audio since the session began.
"""

from dataclasses import dataclass

from cedar_voice_service.session.config import TurnDetection, TurnMode
from cedar_voice_service.session.turns.endpointing import AdaptiveEndpointing

UNDECIDED_MS = 1_000
"""Longest delay of the detection of speech, beside the configured times."""

KEPT_TURNS = 2
"""Audio that is kept for turns that have not started, in turns of the longest duration."""


@dataclass(slots=True)
class ListeningPeriod:
    """The input since the client last started or ended a listening period."""

    start_ms: int = 0
    until_stopped: bool = False
    """Whether silence ends no turn of it."""
    has_audio: bool = False
    has_turn: bool = False
    is_over: bool = False
    """Whether the client has ended it while its speech waits for the turn before to be done."""

    def record_audio(self) -> None:
        """Record that audio arrived, decodable or not."""
        self.has_audio = True

    def record_turn(self) -> None:
        """Record that a turn was made of its audio."""
        self.has_turn = True

    def mark_over(self, *, is_over: bool = True) -> None:
        """Record whether the client has ended the period before its speech became a turn."""
        self.is_over = is_over

    def move_start(self, start_ms: int) -> None:
        """Let the audio for turns to come start here: a turn took what was before."""
        self.start_ms = start_ms


class SpeechInput:
    """The user's speech since the last turn took it over."""

    def __init__(self) -> None:
        self.period = ListeningPeriod()
        self.heard_ms = 0
        """End of the input audio so far."""
        self.is_speaking = False
        """Whether the user speaks now."""
        self.unassigned_since_ms: int | None = None
        """Start of the speech that belongs to no turn yet; None where there is none."""
        self.unassigned_ms = 0
        """Length of ended speech that belongs to no turn yet."""
        self.pause_ms = 0
        """The silence before the newest speech, since the speech before that."""
        self.endpointing = AdaptiveEndpointing()
        self._split_at_ms = 0
        """Point within speech at which a turn ended: the speech before belongs to that turn."""
        self._speech_started_ms = 0
        self._speech_ended_ms: int | None = None

    def advance(self, end_ms: int) -> None:
        """Extend the input audio up to `end_ms`."""
        self.heard_ms = end_ms
        self.period.record_audio()

    def start_speech(self, at_ms: int) -> None:
        """Process the start of speech."""
        self.is_speaking = True
        if self._speech_ended_ms is not None:
            self.pause_ms = max(0, at_ms - self._speech_ended_ms)
        self._speech_started_ms = at_ms
        self._speech_ended_ms = None
        if self.unassigned_since_ms is None:
            self.unassigned_since_ms = at_ms

    def stop_speech(self, at_ms: int) -> None:
        """Process the end of speech."""
        self.is_speaking = False
        self._speech_ended_ms = at_ms
        if self.unassigned_since_ms is not None:
            self.unassigned_ms += self.speech_ms
        if at_ms <= self._split_at_ms:
            self.assign()  # it did not continue after the split

    def start_period(self, *, until_stopped: bool = False) -> None:
        """Start a listening period here; see `ListeningPeriod` for `until_stopped`."""
        self.period = ListeningPeriod(self.heard_ms, until_stopped)

    def assign(self) -> None:
        """Make the speech so far part of a turn."""
        self.unassigned_since_ms = None
        self.unassigned_ms = 0

    def split_at_turn_end(self) -> None:
        """End the turn here: speech that continues belongs to no turn."""
        if self.is_speaking:
            self._split_at_ms = self._speech_started_ms = self.heard_ms
            self.unassigned_since_ms = self.heard_ms
            self.unassigned_ms = 0

    def discard(self) -> None:
        """Forget the speech so far, and the rest of speech that continues."""
        self.assign()
        if self.is_speaking:
            self.stop_speech(self.heard_ms)

    @property
    def has_unassigned(self) -> bool:
        """Whether there is speech that belongs to no turn yet."""
        since_ms = self.unassigned_since_ms
        return since_ms is not None and since_ms < self.heard_ms

    @property
    def speech_ms(self) -> int:
        """Length of the present or last stretch of speech, without the part of an earlier turn."""
        end_ms = self.heard_ms if self._speech_ended_ms is None else self._speech_ended_ms
        return max(0, end_ms - self._speech_started_ms)  # it may have ended before the split

    @property
    def silence_ms(self) -> int | None:
        """Length of the silence since speech; None while the user speaks or never spoke."""
        if self._speech_ended_ms is None:
            return None
        return max(0, self.heard_ms - self._speech_ended_ms)

    def has_ended(self, detection: TurnDetection) -> bool:
        """Whether enough silence followed the last speech to end the turn."""
        silence_ms = self.silence_ms
        return silence_ms is not None and silence_ms >= self.endpointing.silence_ms(detection)

    def turn_start_ms(self, detection: TurnDetection) -> int:
        """Return where the audio of a turn starts that is opened now."""
        if self.unassigned_since_ms is None or detection.mode is TurnMode.MANUAL:
            return self.unassigned_from_ms(detection)
        padded_ms = self._padded(self.unassigned_since_ms, detection)
        return max(padded_ms, self._kept_from_ms(detection))

    def unassigned_from_ms(self, detection: TurnDetection) -> int:
        """Return where the audio starts that may become part of a turn not opened yet."""
        undecided_ms = UNDECIDED_MS + detection.min_speech_ms + detection.prefix_padding_ms
        from_ms = max(self.period.start_ms, self.heard_ms - undecided_ms)
        if self.unassigned_since_ms is not None:
            from_ms = min(from_ms, self._padded(self.unassigned_since_ms, detection))
        return max(from_ms, self._kept_from_ms(detection))

    def has_lost_speech(self, detection: TurnDetection) -> bool:
        """Whether speech that belongs to no turn started before the audio that is kept."""
        since_ms = self.unassigned_since_ms
        return since_ms is not None and since_ms < self._kept_from_ms(detection)

    def _kept_from_ms(self, detection: TurnDetection) -> int:
        return max(0, self.heard_ms - KEPT_TURNS * detection.max_utterance_ms)

    def _padded(self, since_ms: int, detection: TurnDetection) -> int:
        return max(self._split_at_ms, since_ms - detection.prefix_padding_ms)
