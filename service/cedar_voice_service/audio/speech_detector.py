"""Detection of the start and the end of speech in a stream of sound.

Silero decides; it costs about 4 ms of processor time per second of sound. The WebRTC detector costs
a fortieth of that; as a gate before Silero, it passes all frames that might be speech.
"""

from collections import deque

import webrtcvad

from cedar_voice_service.audio.formats import (
    LISTENING_RATE_HZ,
    SAMPLE_BYTES,
    EdgeKind,
    Pcm,
    SpeechEdge,
    duration_ms_of,
)
from cedar_voice_service.audio.silero import FRAME_SAMPLES, Silero

STOP_AFTER_MS = 128
"""Silence that ends a stretch of speech; shorter gaps are those between syllables."""

HYSTERESIS = 0.15
"""Speech continues while its probability is at most this much below the threshold."""

LEAD_IN_FRAMES = 16
"""Frames before the gate opened that are judged as well.

Silero is recurrent. With this much lead-in, and its state kept from the last opening, it judges as
if it had received every frame; reset, or with a quarter of it, it misses quiet speech.
"""

HOLD_FRAMES = 8
"""Frames for which the gate stays open after the last one that might be speech."""

_FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES
_GATE_BYTES = 480 * SAMPLE_BYTES
_GATE_AGGRESSIVENESS = 2
_MIN_STOP_THRESHOLD = 0.01


class SpeechDetector:
    """Finds speech in 16 kHz mono sound; its edges lie on frames of 32 ms.

    Args:
        threshold: probability, 0.0 to 1.0, from which a frame counts as speech.
        min_speech_ms: speech shorter than this is not reported.
        is_gated: False has Silero judge every frame, as the reference for measuring the gate.
    """

    def __init__(self, threshold: float, min_speech_ms: int, *, is_gated: bool = True) -> None:
        self._is_gated = is_gated
        self._gate = _Gate()
        self._silero = Silero()
        self._stretch = _Stretch(threshold, min_speech_ms)
        self._rest = b""
        self._position = 0
        """First sample of the next frame."""

    @property
    def is_in_speech(self) -> bool:
        """Whether speech has started, and is in the newest sound as well."""
        return self._stretch.continues

    def tune(self, threshold: float, min_speech_ms: int) -> None:
        """Change the thresholds of speech from here on."""
        self._stretch.tune(threshold, min_speech_ms)

    def feed(self, pcm: Pcm) -> list[SpeechEdge]:
        """Receive a block; return the edges detected by now, which lie a few frames back."""
        data = self._rest + pcm.data
        edges: list[SpeechEdge] = []
        whole = len(data) - len(data) % _FRAME_BYTES
        for at in range(0, whole, _FRAME_BYTES):
            edges += self._judge(data[at : at + _FRAME_BYTES])
        self._rest = data[whole:]
        return edges

    def flush(self) -> list[SpeechEdge]:
        """End the sound, and speech with it; a later block does not continue it."""
        self._position += len(self._rest) // SAMPLE_BYTES
        self._rest = b""
        self._gate = _Gate()
        return self._stretch.close(self._position)

    def _judge(self, frame: bytes) -> list[SpeechEdge]:
        passed = self._gate.admit(frame) if self._is_gated else [frame]
        self._position += FRAME_SAMPLES
        if not passed:
            return self._stretch.extend(0.0, self._position)
        edges = []
        for back, waiting in zip(range(len(passed) - 1, -1, -1), passed, strict=True):
            probability = self._silero.judge(waiting)
            edges += self._stretch.extend(probability, self._position - back * FRAME_SAMPLES)
        return edges


class _Gate:
    """Holds back frames that cannot be speech."""

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(_GATE_AGGRESSIVENESS)
        self._lead_in: deque[bytes] = deque(maxlen=LEAD_IN_FRAMES)
        self._hold_frames = 0

    def admit(self, frame: bytes) -> list[bytes]:
        """Return the frames to judge now: none, this one, or this one and those before it."""
        if self._vad.is_speech(frame[:_GATE_BYTES], LISTENING_RATE_HZ):
            self._hold_frames = HOLD_FRAMES
        elif self._hold_frames:
            self._hold_frames -= 1
        if not self._hold_frames:
            self._lead_in.append(frame)
            return []
        passed = [*self._lead_in, frame]
        self._lead_in.clear()
        return passed


class _Stretch:
    """Turns the probabilities of frames into consecutive stretches of speech."""

    def __init__(self, threshold: float, min_speech_ms: int) -> None:
        self.tune(threshold, min_speech_ms)
        self.is_open = False
        self._turned_at: int | None = None
        """Sample where the present run of speech, or of silence while open, began."""

    def tune(self, threshold: float, min_speech_ms: int) -> None:
        self._start_threshold = threshold
        self._stop_threshold = max(_MIN_STOP_THRESHOLD, threshold - HYSTERESIS)
        self._min_speech = min_speech_ms * LISTENING_RATE_HZ // 1000

    @property
    def continues(self) -> bool:
        """Whether it is open, and no silence has begun."""
        return self.is_open and self._turned_at is None

    def extend(self, probability: float, end: int) -> list[SpeechEdge]:
        """Process the probability of the frame that ends before sample `end`."""
        if self.is_open:
            return self._extend_speech(probability, end)
        return self._extend_silence(probability, end)

    def _extend_silence(self, probability: float, end: int) -> list[SpeechEdge]:
        if probability < self._stop_threshold:
            self._turned_at = None
        elif self._turned_at is None and probability >= self._start_threshold:
            self._turned_at = end - FRAME_SAMPLES
        if self._turned_at is None or end - self._turned_at < self._min_speech:
            return []
        return [self._turn(EdgeKind.STARTED, self._turned_at)]

    def _extend_speech(self, probability: float, end: int) -> list[SpeechEdge]:
        if probability >= self._stop_threshold:
            self._turned_at = None
        elif self._turned_at is None:
            self._turned_at = end - FRAME_SAMPLES
        if self._turned_at is None or duration_ms_of(end - self._turned_at) < STOP_AFTER_MS:
            return []
        return [self._turn(EdgeKind.STOPPED, self._turned_at)]

    def close(self, end: int) -> list[SpeechEdge]:
        """End the sound before sample `end`."""
        stopped_at = end if self._turned_at is None else self._turned_at
        if self.is_open:
            return [self._turn(EdgeKind.STOPPED, stopped_at)]
        self._turned_at = None
        return []

    def _turn(self, kind: EdgeKind, at: int) -> SpeechEdge:
        self.is_open = kind is EdgeKind.STARTED
        self._turned_at = None
        return SpeechEdge(kind, duration_ms_of(at))
