"""Engines that are asked again when they fail, as long as nothing was made of their answer.

That is: until a transcript is final, until the first part of a reply, and for speech always,
because a phrase can be begun anew. Whatever happens, the first useful result comes within the
deadline of its stage, or an error does.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from cedar_voice_service.audio.ear import Heard
from cedar_voice_service.audio.formats import Sound
from cedar_voice_service.providers.protocols import (
    AudioSent,
    Hypothesis,
    ReplyPart,
    ReplyRequest,
    Responder,
    SpeechRequest,
    SpeechRestarted,
    Synthesizer,
    Transcriber,
    is_final,
)
from cedar_voice_service.providers.wrappers.attempts import Attempts, RetryPolicy
from cedar_voice_service.providers.wrappers.replayable_audio import ReplayableAudio


class RetriedTranscriber:
    """Speech to text; a new attempt gets the utterance from its beginning."""

    def __init__(self, transcriber: Transcriber, policy: RetryPolicy) -> None:
        self._transcriber = transcriber
        self._patience = policy

    async def transcribe(
        self, audio: AsyncIterator[Heard], language: str
    ) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """Recognize one utterance. See `Transcriber.transcribe`."""
        attempts = Attempts[Hypothesis | AudioSent](self._patience, is_final)
        utterance = ReplayableAudio(audio, attempts.first_result.start)
        results = attempts.run(
            lambda: self._transcriber.transcribe(utterance.from_start(), language)
        )
        async with aclosing(results):
            async for result in results:
                yield result


class RetriedResponder:
    """Language model."""

    def __init__(self, responder: Responder, policy: RetryPolicy) -> None:
        self._responder = responder
        self._patience = policy

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        """Answer the conversation so far. See `Responder.respond`."""
        attempts = Attempts[ReplyPart](self._patience)
        attempts.first_result.start()
        async with aclosing(attempts.run(lambda: self._responder.respond(request))) as parts:
            async for part in parts:
                yield part


class RetriedSynthesizer:
    """Text to speech; a phrase that was cut is begun anew."""

    def __init__(self, synthesizer: Synthesizer, policy: RetryPolicy) -> None:
        self._synthesizer = synthesizer
        self._patience = policy

    async def synthesize(
        self, request: SpeechRequest
    ) -> AsyncGenerator[Sound | SpeechRestarted, None]:
        """Speak one phrase. See `Synthesizer.synthesize`."""
        attempts = Attempts[Sound | SpeechRestarted](self._patience, void=SpeechRestarted())
        attempts.first_result.start()
        async with aclosing(attempts.run(lambda: self._synthesizer.synthesize(request))) as sounds:
            async for sound in sounds:
                yield sound
