"""Speech to text over OpenAI's `realtime` socket, while the user speaks."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from openai.types.realtime import (
    ConversationItemInputAudioTranscriptionCompletedEvent,
    ConversationItemInputAudioTranscriptionDeltaEvent,
    InputAudioBufferCommittedEvent,
)

from cedar_voice_service.audio.formats import AudioBlock, EdgeKind, Pcm
from cedar_voice_service.providers.openai.connection import timed_results
from cedar_voice_service.providers.openai.endpoint import Endpoint
from cedar_voice_service.providers.openai.realtime_connection import (
    RealtimeSession,
    RealtimeSessions,
    TranscriptEvent,
)
from cedar_voice_service.providers.openai.realtime_transcript import RealtimeTranscript
from cedar_voice_service.providers.protocols import AudioSent, Hypothesis

SHORTEST_UTTERANCE_MS = 100
"""Anything shorter cannot hold a word, and is not worth an item."""

PAUSE_MS = 200
"""Silence after which speech is committed; shorter silence lies within phrases."""


class OpenAIRealtimeTranscriber:
    """Transcribes an utterance while it is spoken, sending its audio once.

    Each utterance has a connection of its own. The handshake runs while the user speaks and the
    audio waits meanwhile, so that it delays the first partial, and the final only of an utterance
    that is shorter than the handshake. In return a broken connection costs one utterance, none is
    held in silence, and no session reaches the age at which the vendor ends it.

    Speech before a pause is committed in the pause, so that its transcript is mostly complete
    before the pause has become the end of the turn. Silence after it is sent but never committed.

    `gpt-live-transcribe` and `gpt-realtime-whisper` return words while audio arrives; the other
    models begin when a piece of the utterance is committed.
    """

    def __init__(self, sessions: RealtimeSessions, endpoint: Endpoint) -> None:
        self._sessions = sessions
        self._endpoint = endpoint

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """Recognize one utterance. See `Transcriber.transcribe`."""
        spoken = language.partition("-")[0].lower()
        async with self._sessions.open(spoken) as session:
            utterance = _RealtimeUtterance(session, RealtimeTranscript(spoken))
            async with aclosing(_until_audio_ends(audio, session.events())) as items:
                async for item in items:
                    if (result := await utterance.receive(item)) is not None:
                        yield result
            if (sent := await utterance.end()) is not None:
                yield sent
            async with aclosing(timed_results(self._endpoint, session.events())) as events:
                while utterance.is_awaited:
                    result = await utterance.receive(await anext(events))
                    if result is not None and utterance.is_awaited:
                        yield result
            yield utterance.final()


class _RealtimeUtterance:
    """The state of one utterance: its commits, its pauses and its transcript."""

    def __init__(self, session: RealtimeSession, transcript: RealtimeTranscript) -> None:
        self._session = session
        self._transcript = transcript
        self._held: list[Pcm] = []
        """Audio of a pause that may become long enough: it belongs to the next item then."""
        self._paused_at_ms: int | None = None
        self._has_uncommitted_speech = True
        """Also before the first edge of speech."""
        self._audio_ms = 0.0
        self._commit_count = 0

    @property
    def is_awaited(self) -> bool:
        """Whether a committed item has no complete transcript yet."""
        return self._transcript.complete_count < self._commit_count

    async def receive(self, item: AudioBlock | TranscriptEvent) -> Hypothesis | AudioSent | None:
        """Send audio, or add an event to the transcript; return the result to yield, if any."""
        transcript = self._transcript
        match item:
            case AudioBlock():
                return await self._send(item)
            case InputAudioBufferCommittedEvent():
                transcript.begin(item.item_id)
                return None
            case ConversationItemInputAudioTranscriptionDeltaEvent():
                transcript.extend(item.item_id, item.delta or "")
            case ConversationItemInputAudioTranscriptionCompletedEvent():
                transcript.complete(item.item_id, item.transcript)
        is_settled = not (self._has_uncommitted_speech or self.is_awaited)
        return transcript.partial(is_settled=is_settled)

    async def end(self) -> AudioSent | None:
        """End the utterance: send the rest and commit the last speech."""
        sent = await self._release()
        if self._has_uncommitted_speech and self._audio_ms >= SHORTEST_UTTERANCE_MS:
            await self._commit()
        return sent

    def final(self) -> Hypothesis:
        """Return the final."""
        return self._transcript.final()

    async def _send(self, block: AudioBlock) -> AudioSent | None:
        for edge in block.edges:
            if edge.kind is EdgeKind.STARTED:
                self._has_uncommitted_speech = True
                self._paused_at_ms = None
            elif edge.at_ms > block.end_ms - self._audio_ms - block.pcm.duration_ms:
                self._paused_at_ms = edge.at_ms  # an earlier edge is no pause of the utterance
        self._held.append(block.pcm)
        self._audio_ms += block.pcm.duration_ms
        if self._paused_at_ms is None:
            return await self._release()
        if block.end_ms - self._paused_at_ms >= PAUSE_MS:
            if self._has_uncommitted_speech:
                await self._commit()
            return await self._release()
        return None

    async def _release(self) -> AudioSent | None:
        sent_ms = 0.0
        for block in self._held:
            if block.data:
                await self._session.append(block)
                sent_ms += block.duration_ms
        self._held.clear()
        return AudioSent(round(sent_ms)) if sent_ms else None

    async def _commit(self) -> None:
        await self._session.commit()
        self._has_uncommitted_speech = False
        self._commit_count += 1


async def _until_audio_ends(
    audio: AsyncIterator[AudioBlock], events: AsyncGenerator[TranscriptEvent, None]
) -> AsyncGenerator[AudioBlock | TranscriptEvent, None]:
    """Yield blocks of audio and events of the server as they arrive, until the audio ends."""
    async with aclosing(events):
        arriving = asyncio.ensure_future(anext(audio, None))
        receiving = asyncio.ensure_future(anext(events))
        try:
            while True:
                await asyncio.wait((arriving, receiving), return_when=asyncio.FIRST_COMPLETED)
                if receiving.done():
                    yield receiving.result()
                    receiving = asyncio.ensure_future(anext(events))
                if arriving.done():
                    block = arriving.result()
                    if block is None:
                        return
                    yield block
                    arriving = asyncio.ensure_future(anext(audio, None))
        finally:
            arriving.cancel()
            receiving.cancel()
            await asyncio.gather(arriving, receiving, return_exceptions=True)
