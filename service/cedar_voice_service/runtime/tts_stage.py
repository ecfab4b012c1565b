"""Running a synthesizer for one turn: phrases in, encoded audio reported as it is ready.

The segment after the one being encoded is synthesized already, so that speech does not pause
between segments. The first phrase is a segment by itself, so that it is played early; later phrases
wait for each other as long as enough audio is ahead, and share a segment, which sounds better and
costs less.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace
from functools import reduce

from cedar_voice_service.audio.encoder import SpeechEncoder, open_encoder
from cedar_voice_service.audio.encoders.stream_encoder import MAX_CHUNK_MS
from cedar_voice_service.audio.formats import EncodedChunk, Sound
from cedar_voice_service.errors import CallerError, EngineError, Stage
from cedar_voice_service.providers.protocols import SpeechRequest, SpeechRestarted, Synthesizer
from cedar_voice_service.runtime.backpressure import PlayoutBackpressure
from cedar_voice_service.runtime.stt_stage import Report
from cedar_voice_service.session import events as on
from cedar_voice_service.session.answer_parts import SpokenChunk
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.response.playout import room_ms
from cedar_voice_shared.text import joined

SEGMENTS_AT_ONCE = 2
"""The segment being encoded, and the next one, whose audio is fetched before it is needed."""

MIN_SEGMENT_CHARS = 150
"""Phrases are joined into a segment until they are this long."""

ENOUGH_AHEAD_MS = 1_500
"""Speech ahead, waiting or being fetched, beyond which a phrase waits for the next one."""

EXPECTED_MS_PER_CHAR = 60
"""Expected length of speech at rate 1.0: that of quick speech, so that nothing is late."""

BLOCKS_PER_SEGMENT = 1_024
"""Blocks of one segment that may wait to be encoded."""


class SpeechSegment:
    """Text that is synthesized by one request, and its audio, fetched ahead of encoding."""

    def __init__(self, text: str, rate: float) -> None:
        self.text = text
        self.expected_ms = round(len(text) * EXPECTED_MS_PER_CHAR / rate)
        self.blocks: asyncio.Queue[Sound | SpeechRestarted | EngineError | None] = asyncio.Queue(
            BLOCKS_PER_SEGMENT
        )
        self.has_audio = False

    async def fetch(
        self, synthesizer: Synthesizer, request: SpeechRequest, backpressure: PlayoutBackpressure
    ) -> None:
        """Fetch the audio as it is needed; its beginning at once, so that a failure shows early."""
        try:
            async with aclosing(synthesizer.synthesize(request)) as blocks:
                async for block in blocks:
                    if isinstance(block, SpeechRestarted):
                        self._drop_blocks()
                    if not isinstance(block, SpeechRestarted) or self.has_audio:
                        await self.blocks.put(block)
                    await backpressure.wait_for_room()
        except EngineError as error:
            await self.blocks.put(error)
        await self.blocks.put(None)

    def expect_less(self, duration_ms: int) -> None:
        """Reduce the expected length by audio that is encoded."""
        self.expected_ms = max(0, self.expected_ms - duration_ms)

    def _drop_blocks(self) -> None:
        """Drop blocks of a beginning that the engine synthesizes again."""
        while not self.blocks.empty():
            self.blocks.get_nowait()


class TtsStage:
    """Synthesizes and encodes the answer of one turn.

    Args:
        synthesizer: synthesizes a segment.
        config: voice and format.
        work_id: work that the reports belong to.
        report: receives each event.
        backpressure: of the audio that waits to be sent.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        config: SessionConfig,
        *,
        work_id: int,
        report: Report,
        backpressure: PlayoutBackpressure,
    ) -> None:
        self._synthesizer = synthesizer
        self._config = config
        self._work_id = work_id
        self._report = report
        self._backpressure = backpressure
        self._requested: list[SpeechSegment] = []
        self._captions: list[str] = []
        self._places = asyncio.Semaphore(SEGMENTS_AT_ONCE)
        self._is_done = False

    async def run(self, phrases: asyncio.Queue[str | None]) -> None:
        """Synthesize phrases until None arrives; a failure ends the speech, not the answer."""
        if self._config.settings.use_browser_tts:
            ended: on.WorkEvent = on.SpeechEnded(self._work_id)
        else:
            ended = await self._synthesize(phrases)
        while not self._is_done and await phrases.get() is not None:
            pass  # not synthesized, but the language model must not wait for a place in the queue
        await self._report(ended)

    async def _synthesize(self, phrases: asyncio.Queue[str | None]) -> on.WorkEvent:
        output = self._config.output_audio
        # A client without a lead receives each chunk once the one before has been played.
        max_chunk_ms = room_ms(output.max_lead_ms) if output.max_lead_ms else MAX_CHUNK_MS
        encoder = open_encoder(output.format, output.framing, max_chunk_ms=max_chunk_ms)
        upcoming: asyncio.Queue[SpeechSegment | None] = asyncio.Queue(SEGMENTS_AT_ONCE + 1)
        ended: on.WorkEvent
        async with asyncio.TaskGroup() as group:
            template = self._template(passes_mp3=encoder.passes_mp3)
            fetching = group.create_task(self._fetch_ahead(phrases, upcoming, template))
            try:
                while (segment := await upcoming.get()) is not None:
                    await self._encode(segment, encoder)
                    self._places.release()
                await self._report_chunks(encoder.flush(), encoder)
                ended = on.SpeechEnded(self._work_id)
            except EngineError as error:
                fetching.cancel()
                ended = on.SpeechFailed(self._work_id, error)
        return ended

    def _template(self, *, passes_mp3: bool) -> SpeechRequest:
        """Return the request of every segment, without its text."""
        settings = self._config.settings
        return SpeechRequest(
            "",
            settings.voice_id,
            settings.language,
            settings.rate,
            settings.pitch,
            takes_mp3=passes_mp3 and settings.volume >= 1.0,
        )

    async def _fetch_ahead(
        self,
        phrases: asyncio.Queue[str | None],
        upcoming: asyncio.Queue[SpeechSegment | None],
        template: SpeechRequest,
    ) -> None:
        async with asyncio.TaskGroup() as group:
            await self._places.acquire()
            text = await self._next_segment(phrases, min_chars=0)
            while text:
                segment = SpeechSegment(text, template.rate)
                self._requested.append(segment)
                request = replace(template, text=text)
                group.create_task(segment.fetch(self._synthesizer, request, self._backpressure))
                upcoming.put_nowait(segment)
                await self._places.acquire()
                text = await self._next_segment(phrases, min_chars=MIN_SEGMENT_CHARS)
        upcoming.put_nowait(None)

    async def _next_segment(self, phrases: asyncio.Queue[str | None], *, min_chars: int) -> str:
        """Return the next phrase, joined with those that arrive in time; empty at the end."""
        text = ""
        while not self._is_done and (not text or len(text) < min_chars):
            try:
                async with asyncio.timeout(self._spare_s() if text else None):
                    phrase = await phrases.get()
            except TimeoutError:
                break
            self._is_done = phrase is None
            text = joined(text, phrase or "")
        return text

    def _spare_s(self) -> float:
        """Return the time that the next request can wait without being late."""
        expected_ms = sum(segment.expected_ms for segment in self._requested)
        return max(0, self._backpressure.buffered_ms + expected_ms - ENOUGH_AHEAD_MS) / 1000

    async def _encode(self, segment: SpeechSegment, encoder: SpeechEncoder) -> None:
        self._captions.append(segment.text)
        await self._report(on.SynthesisStarted(self._work_id))  # progress, segment by segment
        while (block := await segment.blocks.get()) is not None:
            if isinstance(block, EngineError):
                raise block
            if isinstance(block, SpeechRestarted):
                await self._end_broken_segment(encoder)
                continue
            segment.has_audio = True
            with _as_engine_error():
                chunks = encoder.feed(block, self._config.settings.volume)
            segment.expect_less(sum(chunk.duration_ms for chunk in chunks))
            await self._report_chunks(chunks, encoder)
            await asyncio.sleep(0)  # a whole segment may wait: encode it without holding the loop
        with _as_engine_error():
            chunks = encoder.end_phrase()
        self._requested.remove(segment)
        await self._report_chunks(chunks, encoder)

    async def _end_broken_segment(self, encoder: SpeechEncoder) -> None:
        """Complete the audio of a segment that broke off; the whole segment follows once more."""
        with suppress(CallerError):  # a piece of MP3 that is too short to contain a frame
            await self._report_chunks(encoder.end_phrase(), encoder)

    async def _report_chunks(self, chunks: list[EncodedChunk], encoder: SpeechEncoder) -> None:
        if not chunks:
            return
        caption = reduce(joined, self._captions, "")
        self._captions.clear()
        spoken = tuple(
            SpokenChunk(
                chunk.data,
                chunk.offset_ms,
                chunk.duration_ms,
                "" if index else caption,
                chunk.continues,
            )
            for index, chunk in enumerate(chunks)
        )
        await self._report(on.SpeechSynthesized(self._work_id, spoken, encoder.format))


@contextmanager
def _as_engine_error() -> Iterator[None]:
    """Raise a failure to read an engine's sound as the engine's error, not the client's."""
    try:
        yield
    except CallerError as error:
        raise EngineError(Stage.TTS, f"speech synthesis returned broken audio: {error}") from error
