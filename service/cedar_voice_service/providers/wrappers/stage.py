"""A stage as its wrappers see it: one request, the results that come of it, and when to repeat it.

The three stages differ in three points alone: how a request is made again, which of its results is
the awaited one, and whether results can be withdrawn. So one wrapper serves all of them.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from cedar_voice_service.audio.formats import AudioBlock, Sound
from cedar_voice_service.errors import Stage
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
from cedar_voice_service.providers.wrappers.replayable_audio import ReplayableAudio

Engine = TypeVar("Engine")
Request = TypeVar("Request")
Result = TypeVar("Result")

Requesting = Callable[[Request], AsyncGenerator[Result, None]]
"""Makes one request and returns its results."""


def _any(_: object) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class StageKind(Generic[Engine, Request, Result]):
    """A stage of the pipeline.

    Attributes:
        requesting: returns the method of an engine that makes requests.
        engine: makes an engine of such a method.
        replay: returns a function that returns the request once for each attempt. The second
            argument is called whenever an engine has received the whole input of an attempt.
        is_useful: whether a result is the awaited one.
        restart_marker: the result that withdraws those before it, because a new attempt begins;
            None where useful results cannot be withdrawn.
    """

    stage: Stage
    requesting: Callable[[Engine], Requesting[Request, Result]]
    engine: Callable[[Requesting[Request, Result]], Engine]
    replay: Callable[[Request, Callable[[], None]], Callable[[], Request]]
    is_useful: Callable[[Result], bool] = _any
    restart_marker: Result | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """The arguments of `Transcriber.transcribe`."""

    audio: AsyncIterator[AudioBlock]
    language: str


@dataclass(frozen=True, slots=True)
class _WrappedTranscriber:
    """A `Transcriber` of a function that makes requests."""

    requesting: Requesting[TranscriptionRequest, Hypothesis | AudioSent]

    def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        return self.requesting(TranscriptionRequest(audio, language))


@dataclass(frozen=True, slots=True)
class _WrappedResponder:
    """A `Responder` of a function that makes requests."""

    requesting: Requesting[ReplyRequest, ReplyPart]

    def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        return self.requesting(request)


@dataclass(frozen=True, slots=True)
class _WrappedSynthesizer:
    """A `Synthesizer` of a function that makes requests."""

    requesting: Requesting[SpeechRequest, Sound | SpeechRestarted]

    def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Sound | SpeechRestarted, None]:
        return self.requesting(request)


def _transcribing(
    engine: Transcriber,
) -> Requesting[TranscriptionRequest, Hypothesis | AudioSent]:
    return lambda request: engine.transcribe(request.audio, request.language)


def _from_start(
    request: TranscriptionRequest, ended: Callable[[], None]
) -> Callable[[], TranscriptionRequest]:
    audio = ReplayableAudio(request.audio, ended)
    return lambda: replace(request, audio=audio.from_start())


def _unchanged(request: Request, ended: Callable[[], None]) -> Callable[[], Request]:
    ended()
    return lambda: request


TRANSCRIPTION: StageKind[Transcriber, TranscriptionRequest, Hypothesis | AudioSent] = StageKind(
    Stage.STT, _transcribing, _WrappedTranscriber, _from_start, is_final
)
"""Speech to text. Each attempt gets the utterance from its beginning; the final is awaited."""

REPLY: StageKind[Responder, ReplyRequest, ReplyPart] = StageKind(
    Stage.LLM, lambda engine: engine.respond, _WrappedResponder, _unchanged
)
"""The language model. A reply whose first part was passed on is not begun anew."""

SPEECH: StageKind[Synthesizer, SpeechRequest, Sound | SpeechRestarted] = StageKind(
    Stage.TTS,
    lambda engine: engine.synthesize,
    _WrappedSynthesizer,
    _unchanged,
    restart_marker=SpeechRestarted(),
)
"""Text to speech. A phrase that breaks off is spoken anew from its beginning."""
