"""The three stages of the pipeline as Protocols. An engine is anything that satisfies one.

All of them are async generators: closing one cancels its work, and callers wrap every one in
`contextlib.aclosing`. A stage that fails raises `EngineError`, never an exception of its
vendor. Retry, fallback and metrics are wrappers that satisfy the same Protocol.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from cedar_voice_service.audio.formats import AudioBlock, Pcm, Sound
from cedar_voice_service.session.config import Tool
from cedar_voice_service.session.history import HistoryItem


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A transcript of the whole utterance so far, as the recognizer reads it.

    `confidence` is a real figure of the engine, 0.0 to 1.0, or None. `stable_text` begins `text`,
    and later partials only extend it. A partial is settled when it covers all speech before a
    pause: it is the final if no more speech follows.
    """

    text: str
    is_final: bool
    confidence: float | None = None
    stable_text: str = ""
    is_settled: bool = False


@dataclass(frozen=True, slots=True)
class AudioSent:
    """More audio was sent to the engine; audio that is sent twice is reported twice."""

    duration_ms: int


def is_final(result: Hypothesis | AudioSent) -> bool:
    """Whether a result is the final transcript."""
    return isinstance(result, Hypothesis) and result.is_final


class Transcriber(Protocol):
    """Speech to text."""

    def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis | AudioSent, None]:
        """Recognize one utterance.

        Args:
            audio: 16 kHz mono blocks as they arrive, with the edges of speech that became known
                with each; its end is the end of the utterance. An edge may lie before the first
                block, and speech may be under way when the utterance begins.
            language: BCP-47 tag of the speech.

        Yields any number of partial hypotheses and then exactly one final, also for silence. An
        engine that counts the audio sent to it reports each piece.

        Raises:
            EngineError: of stage STT.
        """
        ...


@dataclass(frozen=True, slots=True)
class Recognized:
    """The transcript of a recording; `confidence` is a real figure, 0.0 to 1.0, or None."""

    text: str
    confidence: float | None = None


@runtime_checkable
class BatchRecognizer(Protocol):
    """Speech to text of whole recordings; `StreamAdapter` makes a `Transcriber` of it."""

    async def recognize(self, speech: Pcm, language: str, prompt: str) -> Recognized:
        """Recognize a recording.

        Args:
            speech: 16 kHz mono.
            language: BCP-47 tag of the speech.
            prompt: transcript of the speech before it, "" at the beginning.

        Raises:
            EngineError: of stage STT.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """A request to the language model.

    `history` is oldest first. It ends with the user's words or with tool results, unless the client
    requested an answer by itself: then it ends with any item, and may be empty. `context_json` is
    the client application's state as JSON text, empty without a state.
    """

    history: tuple[HistoryItem, ...]
    language: str = "en-US"
    context_json: str = ""
    system_prompt: str = ""
    tools: tuple[Tool, ...] = ()
    temperature: float | None = None
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ReplyText:
    """More text of the answer, to append, and its approximate number of tokens."""

    text: str
    token_count: int = 1


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A complete tool call of the model; `arguments_json` is text as the model wrote it."""

    call_id: str
    name: str
    arguments_json: str


@dataclass(frozen=True, slots=True)
class ReplyEnd:
    """The end of a reply: its reason, and the tokens consumed, None if the model reports none.

    `finish_reason` is one of "stop", "max_tokens", "content_filter".
    """

    finish_reason: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


ReplyPart = ReplyText | ToolCall | ReplyEnd


class Responder(Protocol):
    """Language model."""

    def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        """Answer the conversation so far.

        Yields text and tool calls in the model's order, then exactly one `ReplyEnd`.

        Raises:
            EngineError: of stage LLM.
        """
        ...


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """One phrase to speak. `rate` and `pitch` are multipliers, 0.5 to 2.0.

    `voice_id` names a voice of the engine; an unknown or empty one selects the default voice of
    `language`. With `takes_mp3`, an engine that has MP3 yields that, without decoding it.
    """

    text: str
    voice_id: str = ""
    language: str = "en-US"
    rate: float = 1.0
    pitch: float = 1.0
    takes_mp3: bool = False


@dataclass(frozen=True, slots=True)
class SpeechRestarted:
    """The phrase is spoken anew from its beginning: its audio so far is void.

    Engines do not yield it; wrappers do, when an engine fails in the middle.
    """


class Synthesizer(Protocol):
    """Text to speech."""

    def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Sound | SpeechRestarted, None]:
        """Speak one phrase.

        Yields mono blocks at the engine's own rate, the same for all blocks of a phrase; or, if the
        request accepts it, the pieces of an MP3 file. A restart may change format and rate.

        Raises:
            EngineError: of stage TTS.
        """
        ...


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """An engine as shown to people: `description` is one sentence about its abilities."""

    name: str
    model: str
    description: str
