"""Configurations of a client: checked, and turned into a patch."""

import json
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

import cedar_voice.v1 as pb
from cedar_voice_service.audio.formats import OUTPUT_ENCODINGS, AudioFormat, Encoding, Framing
from cedar_voice_service.errors import CallerError, Code
from cedar_voice_service.session.config import (
    Generation,
    Limits,
    OutputAudio,
    Tool,
    TurnDetection,
    VoiceSettings,
)
from cedar_voice_service.session.config_patch import ConfigPatch
from cedar_voice_service.session.schemas import MAX_VALUES, count_values, problem_of
from cedar_voice_service.wire.names import is_name
from cedar_voice_shared import mirror
from cedar_voice_shared.options import ranges_of

_PCM_RATES_HZ = range(8_000, 48_001)
_MAX_CHANNELS = 8
_MAX_NAME_CHARS = 256
"""Longest name of a language or a voice."""

_UNPACED_MS = 24 * 3_600_000
"""Lead of an answer that is received as a whole: no client plays it before it is complete."""


def patch_of(config: pb.SessionConfig, limits: Limits) -> ConfigPatch:
    """Check a configuration and turn it into a patch.

    Raises:
        CallerError: INVALID_CONFIG, UNSUPPORTED_AUDIO_FORMAT or MESSAGE_TOO_LARGE, naming the
            field.
    """
    turn_detection = _changes(TurnDetection, config.turn_detection, "turn_detection")
    if "max_utterance_ms" in turn_detection:
        wanted_ms = turn_detection["max_utterance_ms"]
        turn_detection["max_utterance_ms"] = min(wanted_ms, limits.max_utterance_ms)
    for path, text in (
        ("settings.language", config.settings.language),
        ("settings.voice_id", config.settings.voice_id),
    ):
        if len(text) > _MAX_NAME_CHARS or not text.isprintable():
            raise _invalid(path, f"must be at most {_MAX_NAME_CHARS} printable characters")
    _check_bytes("pipeline.system_prompt", config.pipeline.system_prompt, limits)
    return ConfigPatch(
        settings=_changes(VoiceSettings, config.settings, "settings"),
        turn_detection=turn_detection,
        generation=_changes(Generation, config.pipeline, "pipeline"),
        replaced=_replaced(config, limits),
    )


def input_format_of(message: pb.AudioFormat, field: str) -> AudioFormat:
    """Check a format of input audio.

    Raises:
        CallerError: UNSUPPORTED_AUDIO_FORMAT, naming the field.
    """
    audio_format = mirror.read(AudioFormat, message)
    if message.channel_count > _MAX_CHANNELS:
        raise _unsupported(f"{field}.channel_count", f"at most {_MAX_CHANNELS} channels")
    is_raw = audio_format.encoding is Encoding.PCM_S16LE
    if is_raw and message.sample_rate_hz not in _PCM_RATES_HZ:
        raise _unsupported(f"{field}.sample_rate_hz", "raw PCM needs a rate of 8000 to 48000")
    return audio_format


def _replaced(config: pb.SessionConfig, limits: Limits) -> dict[str, Any]:
    replaced: dict[str, Any] = {}
    if config.HasField("context_json"):
        replaced["context_json"] = _context_of(config.context_json, limits)
    if config.HasField("input_audio"):
        replaced["input_audio"] = input_format_of(config.input_audio, "input_audio")
    if config.HasField("output_audio"):
        replaced["output_audio"] = _output_audio_of(config.output_audio, limits)
    if config.HasField("tools"):
        replaced["tools"] = _tools_of(config.tools, limits)
    return replaced


def _changes(options: type, message: Message, path: str) -> dict[str, Any]:
    """Return the options that a message sets; each number is checked against its range."""
    values = mirror.changes(options, message)
    for name, allowed in ranges_of(options).items():
        if name in values and values[name] not in allowed:
            raise _invalid(f"{path}.{name}", f"must be {allowed}")
    return values


def _check_bytes(field: str, text: str, limits: Limits) -> None:
    """Check the length of a text that the language model receives with every answer."""
    if len(text.encode()) > limits.max_context_bytes:
        raise CallerError(
            f"{field} is longer than {limits.max_context_bytes} bytes",
            code=Code.MESSAGE_TOO_LARGE,
            field=field,
        )


def _context_of(text: str, limits: Limits) -> str:
    _check_bytes("context_json", text, limits)
    if text:
        _json_of(text, "context_json")
    return text


def _output_audio_of(message: pb.OutputAudioConfig, limits: Limits) -> OutputAudio:
    lead_ms = limits.max_output_lead_ms
    if message.HasField("max_lead_ms"):
        lead_ms = min(message.max_lead_ms, lead_ms)
    output = mirror.read(OutputAudio, message, max_lead_ms=lead_ms)
    if output.framing is Framing.WHOLE:
        output = replace(output, max_lead_ms=_UNPACED_MS)
    return replace(output, format=_output_format_of(message.format))


def _output_format_of(message: pb.AudioFormat) -> AudioFormat:
    audio_format = mirror.read(AudioFormat, message)
    if audio_format.encoding is Encoding.AUTO:
        audio_format = AudioFormat(Encoding.MP3, audio_format.sample_rate_hz)
    if audio_format.encoding not in OUTPUT_ENCODINGS:
        name = audio_format.encoding.value
        raise _unsupported("output_audio.format.encoding", f"{name} is not offered as output")
    if message.channel_count > 1:
        raise _unsupported("output_audio.format.channel_count", "output has one channel")
    rate_hz = audio_format.sample_rate_hz
    if rate_hz and rate_hz not in _PCM_RATES_HZ:
        raise _unsupported("output_audio.format.sample_rate_hz", "must be 8000 to 48000")
    return audio_format


def _tools_of(message: pb.ToolSet, limits: Limits) -> tuple[Tool, ...]:
    if len(message.tools) > limits.max_tools:
        raise _invalid("tools", f"at most {limits.max_tools} tools")
    schemas = [_schema_of(tool, f"tools[{index}]") for index, tool in enumerate(message.tools)]
    if sum(map(count_values, schemas)) > MAX_VALUES:
        raise _invalid("tools", f"have more than {MAX_VALUES} values in their schemas")
    tools = tuple(
        _tool_of(tool, schema, f"tools[{index}]")
        for index, (tool, schema) in enumerate(zip(message.tools, schemas, strict=True))
    )
    if len({tool.name for tool in tools}) < len(tools):
        raise _invalid("tools", "tool names must be distinct")
    return tools


def _schema_of(message: pb.ToolDefinition, path: str) -> Any:
    text = message.parameters_json_schema or '{"type": "object"}'
    return _json_of(text, f"{path}.parameters_json_schema")


def _tool_of(message: pb.ToolDefinition, schema: Any, path: str) -> Tool:
    if not is_name(message.name):
        raise _invalid(f"{path}.name", "must be 1 to 64 characters of [A-Za-z0-9_-]")
    if problem := problem_of(schema):
        raise _invalid(f"{path}.parameters_json_schema", problem)
    setter = message.state_setter
    return Tool(
        message.name,
        message.description,
        schema,
        setter.state_key,
        setter.setter_key,
        tuple(setter.argument_order),
    )


def _json_of(text: str, field: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid(field, "is not valid JSON") from None


def _invalid(field: str, problem: str) -> CallerError:
    return CallerError(f"{field} {problem}", code=Code.INVALID_CONFIG, field=field)


def _unsupported(field: str, problem: str) -> CallerError:
    return CallerError(f"{field}: {problem}", code=Code.UNSUPPORTED_AUDIO_FORMAT, field=field)
