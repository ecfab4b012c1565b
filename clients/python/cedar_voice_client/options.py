"""Options of a session. `None` leaves a value to the server; in a patch, it leaves it unchanged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cedar_voice_client.enums import AudioEncoding, ChunkFraming, TurnDetectionMode


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Encoding of an audio stream.

    Raw PCM input needs `sample_rate_hz`; 0 leaves rate and channels to the encoding.
    """

    encoding: AudioEncoding
    sample_rate_hz: int = 0
    channel_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputAudioConfig:
    """Format and pacing of the answer audio.

    `max_lead_ms` is the most audio that the server sends ahead of playback; 0 is for clients that
    play every chunk on arrival. `supports_hold` is set by a client that obeys `PlaybackHold`.
    """

    format: AudioFormat | None = None
    framing: ChunkFraming = ChunkFraming.UNSPECIFIED
    max_lead_ms: int | None = None
    supports_hold: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """The recovery of a session from a broken connection.

    The client tries for `give_up_after_s` to replace a broken stream, with random waits: the first
    of up to `first_wait_s`, the longest of up to `max_wait_s`. A stream without a message for
    `ping_after_s`, and without an answer within `pong_within_s` of a ping, counts as broken. A
    session that the service has lost is opened again from the client's copy of its state, unless
    `restore` is off. Messages that the service may still need are buffered to be sent again: audio
    of at most `max_audio_s` and `max_audio_bytes`.
    """

    give_up_after_s: float = 60.0
    first_wait_s: float = 0.25
    max_wait_s: float = 5.0
    ping_after_s: float = 5.0
    pong_within_s: float = 5.0
    open_timeout_s: float = 10.0
    restore: bool = True
    max_audio_s: float = 90.0
    max_audio_bytes: int = 2 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDetection:
    """Detection of the start and the end of the user's turn.

    `threshold` is a speech probability, 0.0 to 1.0. `silence_duration_ms` of silence ends the turn,
    up to twice as much after long pauses of the speaker when `adaptive` is on. When
    `interrupt_response` is on, speech of `min_interruption_ms` holds the answer, and words
    interrupt it. After `no_input_timeout_ms` without a word there is a `SpeechActivity` with
    `NO_INPUT`; 0 switches it off. With `create_response` off, a turn is answered only on request.
    """

    mode: TurnDetectionMode | None = None
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    min_speech_ms: int | None = None
    max_utterance_ms: int | None = None
    no_input_timeout_ms: int | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None
    min_interruption_ms: int | None = None
    adaptive: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSetter:
    """Binds a tool to a setter of the application's state.

    `argument_order` names the tool's arguments in the setter's positional order; empty passes them
    as one object.
    """

    state_key: str
    setter_key: str
    argument_order: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that the language model may call; a call arrives as an `Action`.

    `parameters` is the JSON Schema of its arguments, an object; None declares no arguments.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None
    state_setter: StateSetter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSettings:
    """Voice and language.

    `language` is a BCP-47 tag. `pitch` and `rate` are multipliers from 0.5 to 2.0, `volume` is from
    0.0 to 1.0. With `use_browser_tts` the server synthesizes nothing; with `stream` off it
    sends no partial transcriptions and no deltas.
    """

    language: str | None = None
    voice_id: str | None = None
    pitch: float | None = None
    rate: float | None = None
    volume: float | None = None
    use_browser_tts: bool | None = None
    auto_add_to_messages: bool | None = None
    stream: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions(VoiceSettings):
    """Configuration of a session; in a patch, options that are None stay unchanged.

    `session_id` is the name of a new session. `context` is application context for the language
    model: any JSON value, {} for none. With `draft_replies` the answer is begun when the user
    pauses, and kept only if the user does not continue to speak. `tools` replaces the whole set,
    () removes it.
    """

    session_id: str | None = None
    context: Any = None
    input_audio: AudioFormat | None = None
    output_audio: OutputAudioConfig | None = None
    turn_detection: TurnDetection | None = None
    system_prompt: str | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    draft_replies: bool | None = None
    tools: tuple[Tool, ...] | None = None
