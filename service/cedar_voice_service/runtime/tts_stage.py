"""Running a synthesizer for one turn: phrases in, encoded audio reported as it is ready.

The phrase after the one being encoded is synthesized already, so that speech does not pause between
phrases. The first phrase is said by itself, so that it is heard early; later ones wait for each
other, as long as there is enough to be heard, and are said in one segment, which sounds better and
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
"""The one that is encoded, and the next one, whose audio is fetched before it is needed."""

MIN_SEGMENT_CHARS = 150
"""Phrases are joined until they are this long."""

ENOUGH_AHEAD_MS = 1_500
"""Speech that waits to be sent, or is being fetched, beyond which a phrase waits for the next."""

EXPECTED_MS_PER_CHAR = 60
"""Speech to be expected of a text at rate 1.0: quick speech, so that nothing comes late."""

BLOCKS_PER_SEGMENT = 1_024
"""Blocks of one phrase that may wait to be encoded."""


class SpeechSegment:
    """What is said in one segment, and its audio, fetched while the one before is encoded."""

    def __init__(self, text: str, rate: float) -> None:
        self.text = text
        self.expected_ms = round(len(text) * EXPECTED_MS_PER_CHAR / rate)
        self.blocks: asyncio.Queue[Sound | SpeechRestarted | EngineError | None] = asyncio.Queue(
            BLOCKS_PER_SEGMENT
        )
        self.has_sounded = False

    async def fetch(
        self, synthesizer: Synthesizer, request: SpeechRequest, backpressure: PlayoutBackpressure
    ) -> None:
        """Fetch the audio as it is needed; its beginning at once, so that a failure shows early."""
        try:
            async with aclosing(synthesizer.synthesize(request)) as blocks:
                async for block in blocks:
                    if isinstance(block, SpeechRestarted):
                        self._forget()
                    if not isinstance(block, SpeechRestarted) or self.has_sounded:
                        await self.blocks.put(block)
                    await backpressure.wait_for_room()
        except EngineError as error:
            await self.blocks.put(error)
        await self.blocks.put(None)

    def expect_less(self, duration_ms: int) -> None:
        """Some of it is encoded."""
        self.expected_ms = max(0, self.expected_ms - duration_ms)

    def _forget(self) -> None:
        """Nobody need hear the beginning of what is begun anew."""
        while not self.blocks.empty():
            self.blocks.get_nowait()


class TtsStage:
    """Speaks the answer of one turn.

    Args:
        synthesizer: speaks a phrase.
        config: voice and format.
        work_id: what is reported belongs to.
        report: takes what is ready.
        backpressure: the audio that waits to be sent.
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
        self._asked_for: list[SpeechSegment] = []
        self._captions: list[str] = []
        self._places = asyncio.Semaphore(SEGMENTS_AT_ONCE)
        self._is_done = False

    async def run(self, phrases: asyncio.Queue[str | None]) -> None:
        """Speak until None comes; a failed phrase ends the speech, not the answer."""
        if self._config.settings.use_browser_tts:
            ended: on.WorkEvent = on.SpeechEnded(self._work_id)
        else:
            ended = await self._speak(phrases)
        while not self._is_done and await phrases.get() is not None:
            pass  # nobody speaks these, and the writer must not wait for it
        await self._report(ended)

    async def _speak(self, phrases: asyncio.Queue[str | None]) -> on.WorkEvent:
        output = self._config.output_audio
        # A client without a lead is sent each chunk when the one before has been played.
        max_chunk_ms = room_ms(output.max_lead_ms) if output.max_lead_ms else MAX_CHUNK_MS
        encoder = open_encoder(output.format, output.framing, max_chunk_ms=max_chunk_ms)
        upcoming: asyncio.Queue[SpeechSegment | None] = asyncio.Queue(SEGMENTS_AT_ONCE + 1)
        ended: on.WorkEvent
        async with asyncio.TaskGroup() as group:
            template = self._template(passes_mp3=encoder.passes_mp3)
            fetching = group.create_task(self._fetch_ahead(phrases, upcoming, template))
            try:
                while (segment := await upcoming.get()) is not None:
                    await self._say(segment, encoder)
                    self._places.release()
                await self._hand_out(encoder.flush(), encoder)
                ended = on.SpeechEnded(self._work_id)
            except EngineError as error:
                fetching.cancel()
                ended = on.SpeechFailed(self._work_id, error)
        return ended

    def _template(self, *, passes_mp3: bool) -> SpeechRequest:
        """The request of every phrase, without its text."""
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
                self._asked_for.append(segment)
                request = replace(template, text=text)
                group.create_task(segment.fetch(self._synthesizer, request, self._backpressure))
                upcoming.put_nowait(segment)
                await self._places.acquire()
                text = await self._next_segment(phrases, min_chars=MIN_SEGMENT_CHARS)
        upcoming.put_nowait(None)

    async def _next_segment(self, phrases: asyncio.Queue[str | None], *, min_chars: int) -> str:
        """The next phrase, joined by those that come in time if it is shorter; empty at the end."""
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
        """How long the next request can wait without being late."""
        expected_ms = sum(segment.expected_ms for segment in self._asked_for)
        return max(0, self._backpressure.buffered_ms + expected_ms - ENOUGH_AHEAD_MS) / 1000

    async def _say(self, segment: SpeechSegment, encoder: SpeechEncoder) -> None:
        self._captions.append(segment.text)
        await self._report(on.SynthesisStarted(self._work_id))  # a sign of life, phrase by phrase
        while (block := await segment.blocks.get()) is not None:
            if isinstance(block, EngineError):
                raise block
            if isinstance(block, SpeechRestarted):
                await self._break_off(encoder)
                continue
            segment.has_sounded = True
            with _blaming_the_engine():
                chunks = encoder.feed(block, self._config.settings.volume)
            segment.expect_less(sum(chunk.duration_ms for chunk in chunks))
            await self._hand_out(chunks, encoder)
            await asyncio.sleep(0)  # a whole phrase may wait: encode it without holding the loop
        with _blaming_the_engine():
            chunks = encoder.end_phrase()
        self._asked_for.remove(segment)
        await self._hand_out(chunks, encoder)

    async def _break_off(self, encoder: SpeechEncoder) -> None:
        """Let what came of a phrase sound; the phrase follows once more, as a whole."""
        with suppress(CallerError):  # a piece of MP3 that was too short to be any
            await self._hand_out(encoder.end_phrase(), encoder)

    async def _hand_out(self, chunks: list[EncodedChunk], encoder: SpeechEncoder) -> None:
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
def _blaming_the_engine() -> Iterator[None]:
    """Sound that cannot be read is not the client's fault when an engine sent it."""
    try:
        yield
    except CallerError as error:
        raise EngineError(Stage.TTS, f"speech synthesis gave broken sound: {error}") from error
