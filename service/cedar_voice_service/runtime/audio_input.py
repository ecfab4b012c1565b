"""The input audio of a session: decoded, searched for speech, buffered, and fed to a recognizer."""

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

SEARCHED_BYTES = 30_720
"""Samples searched for speech at a time: four of the longest blocks, about a second."""


class AudioInput:
    """Turns the bytes of a client into events of speech, and buffers the audio for recognizers.

    Args:
        detection: thresholds of speech.
        decoding: opens decoders.
        charge_quota: called with the milliseconds of each block before it is buffered; raises
            `RateLimited` to refuse it.
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
        """Apply new thresholds of speech."""
        self._speech.tune(detection.threshold, detection.min_speech_ms)

    def begin_recording(self, audio_format: AudioFormat) -> None:
        """Begin a new recording; speech that continues in it counts as new.

        Raises:
            CallerError: it cannot be decoded; its bytes are dropped until the next header.
        """
        self._speech.flush()
        self._recordings.begin(audio_format)

    def end_recording(self) -> None:
        """End the recording, and speech with it; bytes that still arrive of it are dropped."""
        self._speech.flush()
        self._recordings.end()

    async def process(self, data: bytes) -> Iterator[on.SpeechEvent]:
        """Decode bytes as the client encoded them; return the events of the sound.

        The iterator is lazy: it buffers each block just before it yields the events of that block.
        So a recognizer receives the next block after the effects of this one.

        Raises:
            CallerError: they cannot be decoded.
            EngineError: they were lost with the process that decodes them.
            RateLimited: by the iterator, at its end; sound over the quota is dropped, its edges of
                speech are events all the same.
        """
        return self._buffer_blocks(self._blocks_of(await self._recordings.feed(data)))

    async def flush(self) -> Iterator[on.SpeechEvent]:
        """End the recording, and speech with it; return the events of its last sound.

        Raises:
            CallerError: the last bytes cannot be decoded.
            EngineError: they were lost with the process that decodes them.
        """
        try:
            samples = await self._recordings.flush()
        except CedarVoiceError:
            self._speech.flush()
            raise
        return self._buffer_blocks(self._blocks_of(samples, is_last=True))

    def open_feed(self, from_ms: int) -> AudioFeed:
        """Open the feed of a recognizer, with the buffered audio from `from_ms` on."""
        self.close_feed()
        self._feed = AudioFeed(FEED_BLOCKS)
        for block in self._audio_buffer:
            if block.end_ms > from_ms:
                self._feed.put(block)
        return self._feed

    def drop_before(self, before_ms: int) -> None:
        """Drop buffered audio that no later recognizer needs."""
        while self._audio_buffer and self._audio_buffer[0].end_ms <= before_ms:
            self._audio_buffer.popleft()

    def close(self) -> None:
        """Close the feed, and release the decoder."""
        self.close_feed()
        self._recordings.end()

    def close_feed(self) -> None:
        """End the feed: the utterance is over."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def _blocks_of(self, samples: bytes, *, is_last: bool = False) -> Iterator[AudioBlock]:
        """Search samples for speech, in pieces, since few bytes may contain minutes of sound."""
        for at in range(0, len(samples), SEARCHED_BYTES):
            yield from self._speech.feed(samples[at : at + SEARCHED_BYTES])
        if is_last:
            yield from self._speech.flush()

    def _buffer_blocks(self, blocks: Iterable[AudioBlock]) -> Iterator[on.SpeechEvent]:
        refusal: RateLimited | None = None
        for block in blocks:
            if block.pcm.data and refusal is None:
                refusal = self._buffer(block)
            for edge in block.edges:
                is_start = edge.kind is EdgeKind.STARTED
                yield on.SpeechStarted(edge.at_ms) if is_start else on.SpeechStopped(edge.at_ms)
            yield on.AudioAdvanced(block.end_ms)
        if refusal is not None:
            raise refusal

    def _buffer(self, block: AudioBlock) -> RateLimited | None:
        try:
            self._charge_quota(block.pcm.duration_ms)
        except RateLimited as refusal:
            return refusal
        self._audio_buffer.append(block)
        if self._feed is not None:
            self._feed.put(block)
        return None
