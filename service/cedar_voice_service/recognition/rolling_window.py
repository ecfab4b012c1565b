"""One utterance in windows: which request is due, and what its answer contributes."""

from dataclasses import replace

from cedar_voice_service.audio.formats import AudioBlock
from cedar_voice_service.recognition.audio_budget import AudioBudget
from cedar_voice_service.recognition.sample_buffer import SampleBuffer
from cedar_voice_service.recognition.speech import LEAD_MS, TAIL_MS, Gap, SpeechTimeline
from cedar_voice_service.recognition.transcript import (
    LEAST_SPEECH_MS,
    PartialTranscript,
    Reading,
    WindowedTranscript,
    is_plausible,
)
from cedar_voice_service.recognition.window import (
    MOST_WINDOW_MS,
    OVERLAP_MS,
    QUIET_SEARCH_MS,
    Purpose,
    WindowRequest,
    closes,
)
from cedar_voice_service.recognition.words import split

LEAST_TAIL_MS = 60
"""Sound after the end of speech that keeps its last word from being cut."""

SHORTEST_RECORDING_MS = 100
"""Anything shorter cannot hold a word."""


class RollingWindow:
    """Receives audio, returns the request that is `due`, receives answers by request number. Pure.

    Times are milliseconds of sound since the utterance began. There is at most one request at a
    time; the answer to any but the newest is dropped. After `end`, `due` returns a request, or one
    is open, or `is_over`; a request that fails then is due again.

    The audio sent stays within the limit of `AudioBudget`. While the allowance is short, partials
    wait, then windows are closed in shorter pauses than otherwise, then requests at pauses wait
    too. The last request never does.
    """

    def __init__(self) -> None:
        self._sound = SampleBuffer()
        self._speech = SpeechTimeline()
        self._budget = AudioBudget()
        self._transcript = WindowedTranscript()
        self._origin_ms: int | None = None
        self._window_ms = 0
        """Start of the open window."""
        self._open: WindowRequest | None = None
        self._reading: Reading | None = None
        """The newest reading of the open window."""
        self._settled_at_ms = -1
        """Start of the pause whose transcript was returned as settled."""
        self._has_ended = False

    # -- audio ---------------------------------------------------------------------------------

    def add(self, block: AudioBlock) -> PartialTranscript | None:
        """Receive a block; return the transcript if a pause in the block settles it."""
        if self._origin_ms is None:
            self._origin_ms = block.end_ms - round(block.pcm.duration_ms)
        self._sound.append(block.pcm)
        self._speech.extend(self._sound.end_ms, block.edges, self._origin_ms)
        return self._conclude()

    def end(self) -> None:
        """End the utterance. The newest reading may cover all of it."""
        self._has_ended = True
        if (reading := self._whole_reading) is not None:
            self._close(reading, self._sound.end_ms, overlaps=False)

    # -- requests ------------------------------------------------------------------------------

    def due(self, step_factor: int | None) -> WindowRequest | None:
        """Return the request to make now, in place of the open one; None without one.

        Args:
            step_factor: factor of the interval between partials; None for no partials.
        """
        if self._has_ended:
            return None if self._is_served or self.is_over else self._request_last()
        if self._budget.is_held(self._sound.end_ms):
            return None
        if self._open is not None and self._open.purpose is Purpose.CUT:
            return None
        if not self._speech.is_speaking:
            return self._request_at_pause()
        if self._open is not None or self._speech.duration_ms < LEAST_SPEECH_MS:
            return None
        if self._sound.end_ms - self._start_ms >= MOST_WINDOW_MS:
            return self._request_cut()
        new_ms = self._budget.new_ms(self._sound.end_ms, self._speech.start_ms or 0)
        is_due = step_factor is not None and new_ms >= self._budget.wait_ms(step_factor)
        # The closing pass at the next pause must be affordable too.
        if is_due and self._affords(self._sound.end_ms, spare=1):
            return self._request(Purpose.PARTIAL, self._sound.end_ms)
        return None

    def _affords(self, until_ms: int, spare: int = 0) -> bool:
        """Whether the budget covers a request up to a point, and the last request after it.

        Args:
            spare: further requests about the whole window that the budget has to cover.
        """
        # The last request would send this much if no more speech followed.
        open_ms = self._cost_ms(self._sound.end_ms + TAIL_MS)
        cost_ms = self._cost_ms(until_ms) + (1 + spare) * open_ms
        return self._budget.allows(cost_ms, self._speech.total_ms)

    def _cost_ms(self, until_ms: int) -> int:
        return sum(end - start for start, end in self._speech.parts(self._start_ms, until_ms))

    def _request_at_pause(self) -> WindowRequest | None:
        speech = self._speech
        if speech.start_ms is None or speech.duration_ms < LEAST_SPEECH_MS:
            return None
        if self._is_served or self._awaits_close:
            return None
        until_ms = min(speech.end_ms + TAIL_MS, self._sound.end_ms)
        if not self._affords(until_ms):
            self._close_at_last_pause()
        return self._request(Purpose.CLOSING, until_ms) if self._affords(until_ms) else None

    def _request_last(self) -> WindowRequest:
        end_ms = self._sound.end_ms
        speech_end_ms = self._speech.end_ms if self._speech.is_known else end_ms
        return self._request(Purpose.CLOSING, min(speech_end_ms + TAIL_MS, end_ms))

    def _request_cut(self) -> WindowRequest | None:
        end_ms = self._start_ms + MOST_WINDOW_MS
        quiet_ms = self._sound.quietest_ms(end_ms - QUIET_SEARCH_MS, end_ms)
        return self._request(Purpose.CUT, quiet_ms) if self._affords(quiet_ms) else None

    def _request(self, purpose: Purpose, until_ms: int) -> WindowRequest:
        self._budget.spend(self._sound.end_ms, self._cost_ms(until_ms))
        pcm = self._sound.joined(self._speech.parts(self._start_ms, until_ms))
        number = self._budget.request_count
        self._open = WindowRequest(number, purpose, pcm, until_ms, self._transcript.prompt)
        return self._open

    # -- answers -------------------------------------------------------------------------------

    def receive(self, number: int, text: str, confidence: float | None) -> PartialTranscript | None:
        """Receive the answer to a request; return the transcript if it changes."""
        request = self._open
        if request is None or request.number != number:
            return None
        self._open = None
        self._budget.succeeded()
        reading = self._read(request, text, confidence)
        if reading is None:
            return None
        self._reading = reading
        if self._has_ended:
            self._close(reading, self._sound.end_ms, overlaps=False)
            return None
        is_at_pause = self._gap_after(reading.until_ms) is not None
        partial = self._transcript.update(reading, is_at_pause=is_at_pause)
        if request.purpose is Purpose.CUT:
            self._close(reading, reading.until_ms - OVERLAP_MS, overlaps=True)
            return partial
        return self._conclude() or partial

    def fail(self, number: int, pause_ms: int = 0) -> None:
        """Record that a request failed.

        Args:
            pause_ms: pause that the recognizer asks for.
        """
        if self._open is not None and self._open.number == number:
            self._open = None
            self._budget.failed(self._sound.end_ms, pause_ms)

    def _read(self, request: WindowRequest, text: str, confidence: float | None) -> Reading | None:
        words = split(text)
        if not is_plausible(words, round(request.pcm.duration_ms)):
            if request.purpose is Purpose.PARTIAL:
                return None
            if self._reading is not None:
                return replace(self._reading, until_ms=request.until_ms)
            if self._transcript.has_words and self._is_hardly_speech:
                words = ()
        return Reading(self._transcript.aligned(words), confidence, request.until_ms)

    # -- closing -------------------------------------------------------------------------------

    def _conclude(self) -> PartialTranscript | None:
        """Close the window if a pause allows it; return the transcript if that settles it."""
        reading = self._reading
        gap = self._gap_after(reading.until_ms) if reading else None
        if reading is None or gap is None:
            return None
        is_closing = closes(gap, self._start_ms)
        if is_closing:
            self._close(reading, min(reading.until_ms, gap.start_ms + TAIL_MS), overlaps=False)
        settles = gap.is_open and self._settled_at_ms != gap.start_ms
        if not (is_closing or settles):
            return None
        partial = self._transcript.partial(is_settled=gap.is_open)
        if gap.is_open:
            self._settled_at_ms = gap.start_ms
        return partial if partial.is_settled or is_closing else None

    def _gap_after(self, until_ms: int) -> Gap | None:
        """Return the silence in which the sound up to a point ends; None if it ends in speech."""
        gap = self._speech.gap_before(until_ms - LEAST_TAIL_MS)
        return gap if gap and until_ms <= max(gap.end_ms, gap.start_ms + TAIL_MS) else None

    @property
    def _awaits_close(self) -> bool:
        """Whether the open request will close the window, even if more speech followed."""
        if self._open is None or self._open.purpose is not Purpose.CLOSING:
            return False
        gap = self._gap_after(self._open.until_ms)
        return gap is not None and closes(gap, self._start_ms)

    def _close_at_last_pause(self) -> None:
        """Close the window at the pause up to which it was read: only later speech costs then."""
        reading = self._reading
        gap = self._gap_after(reading.until_ms) if reading else None
        if reading is not None and gap is not None:
            self._close(reading, min(reading.until_ms, gap.start_ms + TAIL_MS), overlaps=False)

    def _close(self, reading: Reading, cut_ms: int, *, overlaps: bool) -> None:
        self._transcript.close(reading, overlaps=overlaps)
        self._speech.forget(cut_ms)
        self._sound.forget(cut_ms)
        self._budget.start_window()
        self._window_ms = cut_ms
        # An open request is about the window that is closed.
        self._open = self._reading = None

    # -- results -------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether the final is complete."""
        return self._has_ended and self._open is None and self._is_nothing_left

    @property
    def awaited(self) -> int | None:
        """Number of the open request; None without one."""
        return self._open.number if self._open else None

    @property
    def text(self) -> str:
        """Text of the final."""
        return self._transcript.text

    @property
    def confidence(self) -> float | None:
        """Confidence of the final: the mean of its windows by words; None if a window has none."""
        return self._transcript.confidence

    @property
    def sent_ms(self) -> int:
        """Audio sent for the utterance."""
        return self._budget.sent_ms

    @property
    def _is_nothing_left(self) -> bool:
        if self._sound.end_ms - self._window_ms < SHORTEST_RECORDING_MS:
            return True
        return self._speech.is_known and self._speech.start_ms is None

    @property
    def _whole_reading(self) -> Reading | None:
        """The newest reading, if it covers all speech of the open window."""
        reading = self._reading
        return reading if reading and self._covers_speech(reading.until_ms) else None

    @property
    def _is_served(self) -> bool:
        """Whether a reading or the open request covers all speech of the open window."""
        if self._open is None:
            return self._whole_reading is not None or self._is_nothing_left
        return self._covers_speech(self._open.until_ms) or self._is_nothing_left

    def _covers_speech(self, until_ms: int) -> bool:
        if not self._speech.is_known or self._speech.is_speaking:
            return until_ms >= self._sound.end_ms
        return until_ms >= min(self._speech.end_ms + LEAST_TAIL_MS, self._sound.end_ms)

    @property
    def _is_hardly_speech(self) -> bool:
        return self._speech.is_known and self._speech.duration_ms < LEAST_SPEECH_MS

    @property
    def _start_ms(self) -> int:
        """Start of the sound of the open window that is worth sending."""
        start_ms = self._speech.start_ms
        return self._window_ms if start_ms is None else max(self._window_ms, start_ms - LEAD_MS)
