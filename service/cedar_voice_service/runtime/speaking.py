"""Running a synthesizer for one turn: phrases in, encoded audio reported as it is ready.

The phrase after the one being encoded is synthesized already, so that speech does not pause between
phrases.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace

from cedar_voice_service.audio.encoder import EncodedChunk, SpeechEncoder, open_encoder
from cedar_voice_service.audio.formats import Sound
from cedar_voice_service.errors import CallerError, EngineError, Stage
from cedar_voice_service.providers.protocols import SpeechRequest, SpeechRestarted, Synthesizer
from cedar_voice_service.runtime.transcribing import Report
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import SessionConfig
from cedar_voice_service.session.playout import SpokenChunk

PHRASES_AHEAD = 2
"""Phrases whose audio is fetched before it is needed."""

BLOCKS_PER_PHRASE = 1_024
"""Blocks of one phrase that may wait to be encoded."""


class _Utterance:
    """A phrase and its audio, fetched while earlier ones are encoded."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.blocks: asyncio.Queue[Sound | SpeechRestarted | EngineError | None] = asyncio.Queue(
            BLOCKS_PER_PHRASE
        )
        self.has_sounded = False

    async def fetch(
        self, synthesizer: Synthesizer, request: SpeechRequest, room: asyncio.Event
    ) -> None:
        """Fetch the audio as it is needed; its beginning at once, so that a failure shows early."""
        try:
            async with aclosing(synthesizer.synthesize(request)) as blocks:
                async for block in blocks:
                    if isinstance(block, SpeechRestarted):
                        self._forget()
                    if not isinstance(block, SpeechRestarted) or self.has_sounded:
                        await self.blocks.put(block)
                    await room.wait()
        except EngineError as error:
            await self.blocks.put(error)
        await self.blocks.put(None)

    def _forget(self) -> None:
        """Nobody need hear the beginning of what is begun anew."""
        while not self.blocks.empty():
            self.blocks.get_nowait()


class Speaker:
    """Speaks the answer of one turn. `room` is clear while enough audio waits to be sent: what an
    engine has yet to say is not asked for before it is set.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        config: SessionConfig,
        *,
        work_id: int,
        report: Report,
        room: asyncio.Event,
    ) -> None:
        self._synthesizer = synthesizer
        self._config = config
        self._work_id = work_id
        self._report = report
        self._room = room
        self._captions: list[str] = []
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
        encoder = open_encoder(output.format, output.framing)
        upcoming: asyncio.Queue[_Utterance | None] = asyncio.Queue(PHRASES_AHEAD)
        ended: on.WorkEvent
        async with asyncio.TaskGroup() as group:
            template = self._template(passes_mp3=encoder.passes_mp3)
            fetching = group.create_task(self._fetch_ahead(phrases, upcoming, template))
            try:
                while (utterance := await upcoming.get()) is not None:
                    await self._say(utterance, encoder)
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
        upcoming: asyncio.Queue[_Utterance | None],
        template: SpeechRequest,
    ) -> None:
        async with asyncio.TaskGroup() as group:
            while (phrase := await phrases.get()) is not None:
                utterance = _Utterance(phrase)
                await upcoming.put(utterance)
                request = replace(template, text=phrase)
                group.create_task(utterance.fetch(self._synthesizer, request, self._room))
            self._is_done = True
        await upcoming.put(None)

    async def _say(self, utterance: _Utterance, encoder: SpeechEncoder) -> None:
        self._captions.append(utterance.text)
        await self._report(on.SynthesisStarted(self._work_id))  # a sign of life, phrase by phrase
        while (block := await utterance.blocks.get()) is not None:
            if isinstance(block, EngineError):
                raise block
            if isinstance(block, SpeechRestarted):
                await self._break_off(encoder)
                continue
            utterance.has_sounded = True
            with _blaming_the_engine():
                chunks = encoder.feed(block, self._config.settings.volume)
            await self._hand_out(chunks, encoder)
            await asyncio.sleep(0)  # a whole phrase may wait: encode it without holding the loop
        with _blaming_the_engine():
            chunks = encoder.end_phrase()
        await self._hand_out(chunks, encoder)

    async def _break_off(self, encoder: SpeechEncoder) -> None:
        """Let what came of a phrase sound; the phrase follows once more, as a whole."""
        with suppress(CallerError):  # a piece of MP3 that was too short to be any
            await self._hand_out(encoder.end_phrase(), encoder)

    async def _hand_out(self, chunks: list[EncodedChunk], encoder: SpeechEncoder) -> None:
        for chunk in chunks:
            caption = " ".join(self._captions)
            self._captions.clear()
            spoken = SpokenChunk(
                chunk.data, chunk.offset_ms, chunk.duration_ms, caption, chunk.continues
            )
            await self._report(on.SpeechSynthesized(self._work_id, spoken, encoder.format))


@contextmanager
def _blaming_the_engine() -> Iterator[None]:
    """Sound that cannot be read is not the client's fault when an engine sent it."""
    try:
        yield
    except CallerError as error:
        raise EngineError(Stage.TTS, f"speech synthesis gave broken sound: {error}") from error
