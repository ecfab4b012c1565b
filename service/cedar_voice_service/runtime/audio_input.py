"""The microphone side of a session: recordings, the ear, a tape, and the recognizer's feed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from cedar_voice_service.audio.formats import AudioBlock, AudioFormat, EdgeKind
from cedar_voice_service.audio.speech_tracker import SpeechTracker
from cedar_voice_service.errors import CedarVoiceError, RateLimited
from cedar_voice_service.runtime.audio_feed import AudioFeed
from cedar_voice_service.runtime.input_batch import InputBatch, InputBatcher
from cedar_voice_service.runtime.recordings import Recordings
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import TurnDetection
from cedar_voice_service.workers.decoding import Decoding

FEED_BLOCKS = 4_096
"""Blocks that a recognizer may lag behind; a block is 20 ms or longer."""

JUDGED_BYTES = 30_720
"""Sound that is judged at a time: four of the longest blocks, which are a second."""


class AudioInput:
    """Turns the bytes of a client into ear events, and keeps the audio a turn may want.

    Args:
        detection: what counts as speech.
        decoding: opens decoders.
        charge_quota: asked before so many milliseconds of sound are kept; raises what refuses them.
    """

    def __init__(
        self, detection: TurnDetection, decoding: Decoding, charge_quota: Callable[[float], None]
    ) -> None:
        self._batcher = InputBatcher()
        self._charge_quota = charge_quota
        self._recordings = Recordings(decoding)
        self._speech = SpeechTracker(detection.threshold, detection.min_speech_ms)
        self._audio_buffer: deque[AudioBlock] = deque()
        self._feed: AudioFeed | None = None

    @property
    def is_in_speech(self) -> bool:
        """Whether the user is known to speak, up to the newest sound."""
        return self._speech.is_in_speech

    @property
    def due_ms(self) -> int | None:
        """Clock time by which the collected audio is to be processed; None without any."""
        return self._batcher.due_ms

    def add(self, data: bytes, sequence: int) -> None:
        """Collect the audio of a client message, for `take_batch`."""
        self._batcher.add(data, sequence)

    def is_due(self, now_ms: int) -> bool:
        """Whether audio has been collected for as long as it may be."""
        due_ms = self._batcher.due_ms
        return due_ms is not None and due_ms <= now_ms

    def can_wait(self, now_ms: int) -> bool:
        """Whether the collected audio can wait for the next message.

        In the midst of speech, since its end is then found a message or two later at most.
        """
        return self.is_in_speech and not self._batcher.is_full(now_ms)

    def take_batch(self, now_ms: int) -> InputBatch | None:
        """Return and forget the collected audio; None without any."""
        return self._batcher.take(now_ms)

    def tune(self, detection: TurnDetection) -> None:
        """Apply a new configuration."""
        self._speech.tune(detection.threshold, detection.min_speech_ms)

    def begin_recording(self, audio_format: AudioFormat) -> None:
        """The following bytes are a new recording: speech that goes on in it begins anew.

        Raises:
            CallerError: it cannot be decoded; what follows is dropped until the next header.
        """
        self._speech.flush()
        self._recordings.begin(audio_format)

    def end_recording(self) -> None:
        """What still comes of the recording is not wanted, and speech ends with it."""
        self._speech.flush()
        self._recordings.end()

    async def process(self, data: bytes) -> Iterator[on.EarEvent]:
        """Take bytes as the client encoded them.

        The events are made as they are asked for, each block kept just before its own: what a
        block causes comes before the next block is given to a recognizer.

        Raises:
            CallerError: they cannot be decoded.
            EngineError: they were lost with the process that decodes them.
            RateLimited: at the end; what is over the quota is dropped, its edges are told.
        """
        return self._keep(self._heard(await self._recordings.feed(data)))

    async def flush(self) -> Iterator[on.EarEvent]:
        """Take what the decoder still holds: the recording is over, and speech with it.

        Raises:
            CallerError: what is left cannot be decoded.
            EngineError: it was lost with the process that decodes it.
        """
        try:
            samples = await self._recordings.flush()
        except CedarVoiceError:
            self._speech.flush()
            raise
        return self._keep(self._heard(samples, is_last=True))

    def open_feed(self, from_ms: int) -> AudioFeed:
        """Feed a recognizer what was heard from `from_ms` on and what is heard from now on."""
        self.close_feed()
        self._feed = AudioFeed(FEED_BLOCKS)
        for block in self._audio_buffer:
            if block.end_ms > from_ms:
                self._feed.put(block)
        return self._feed

    def drop_before(self, before_ms: int) -> None:
        """No recognizer to come is fed what was heard before."""
        while self._audio_buffer and self._audio_buffer[0].end_ms <= before_ms:
            self._audio_buffer.popleft()

    def close(self) -> None:
        """The session is over."""
        self.close_feed()
        self._recordings.end()

    def close_feed(self) -> None:
        """The utterance is over."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def _heard(self, samples: bytes, *, is_last: bool = False) -> Iterator[AudioBlock]:
        """What the ear makes of it, little by little: few bytes may hold minutes of sound."""
        for at in range(0, len(samples), JUDGED_BYTES):
            yield from self._speech.feed(samples[at : at + JUDGED_BYTES])
        if is_last:
            yield from self._speech.flush()

    def _keep(self, heard: Iterable[AudioBlock]) -> Iterator[on.EarEvent]:
        refusal: RateLimited | None = None
        for block in heard:
            if block.pcm.data and refusal is None:
                refusal = self._record(block)
            for edge in block.edges:
                is_start = edge.kind is EdgeKind.STARTED
                yield on.SpeechBegan(edge.at_ms) if is_start else on.SpeechPaused(edge.at_ms)
            yield on.AudioHeard(block.end_ms)
        if refusal is not None:
            raise refusal

    def _record(self, block: AudioBlock) -> RateLimited | None:
        try:
            self._charge_quota(block.pcm.duration_ms)
        except RateLimited as refusal:
            return refusal
        self._audio_buffer.append(block)
        if self._feed is not None:
            self._feed.put(block)
        return None
