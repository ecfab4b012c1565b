"""What a browser's frame asks of the session."""

import re
from typing import Any, assert_never

import msgspec
import pybase64
from msgspec import UNSET

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket import frames
from cedar_voice_bridge.translation.configuration import set_values, tools_in, unwrap_context
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_shared.mirror import write

AUDIO_PIECE_BYTES = 64 << 10
"""Longer chunks travel in pieces: the contract lets audio be cut anywhere."""

_DECODER = msgspec.json.Decoder(frames.UpFrame)


def read(frame: str, decoder: msgspec.json.Decoder[Any] = _DECODER) -> Any:
    """The frame, its types checked: one of those that the decoder is made for.

    Raises:
        DialectError: it is not JSON, of an unknown type, or a field of it is wrong.
    """
    try:
        return decoder.decode(frame)
    except msgspec.ValidationError as error:
        raise _misfit(frame, str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise DialectError("the frame is not valid JSON") from None


def requests_of(frame: frames.UpFrame) -> list[pb.VoiceSessionRequest]:
    """The requests that a frame stands for.

    Raises:
        DialectError: a value of it cannot be taken.
    """
    match frame:
        case frames.AudioChunk(data=data):
            return audio_of(data)
        case frames.Config():
            return [pb.VoiceSessionRequest(config=_config(frame))]
        case frames.StartListening():
            return [_control(start_listening=pb.StartListening())]
        case frames.StopListening():
            return [_control(stop_listening=pb.StopListening())]
        case frames.Interrupt():
            return [_control(interrupt=pb.Interrupt(**_asked(frame)))]
        case frames.Text(text=text):
            return [pb.VoiceSessionRequest(text=pb.TextInput(text=text))]
        case frames.Say():
            return [_control(say=pb.Say(**_asked(frame)))]
        case frames.CreateResponse(instructions=instructions):
            return [_control(create_response=pb.CreateResponse(instructions=instructions))]
        case frames.Playback():
            return [pb.VoiceSessionRequest(playback=pb.PlaybackReport(**set_values(frame)))]
        case frames.Ping(sent_at=sent_at, last_seq=last_seq):
            return [pb.VoiceSessionRequest(ack=last_seq, ping=pb.Ping(sent_at_ms=sent_at))]
        case frames.Auth():
            return []
        case _:
            assert_never(frame)


def _asked(frame: frames.Numbered) -> dict[str, Any]:
    return {name: value for name, value in set_values(frame).items() if name != "seq"}


def _control(**command: Any) -> pb.VoiceSessionRequest:
    return pb.VoiceSessionRequest(control=pb.Control(**command))


def audio_of(data: str, field: str = "data") -> list[pb.VoiceSessionRequest]:
    """The requests that carry audio in base64.

    Raises:
        DialectError: it is not base64, or empty.
    """
    try:
        audio = pybase64.b64decode(data, validate=True)
    except ValueError:
        raise DialectError(f"{field}: is not base64", field=field) from None
    if not audio:
        raise DialectError(f"{field}: is empty", field=field)
    return pieces_of(audio)


def pieces_of(audio: bytes) -> list[pb.VoiceSessionRequest]:
    """The requests that carry audio."""
    return [
        pb.VoiceSessionRequest(audio=pb.InputAudio(data=audio[start : start + AUDIO_PIECE_BYTES]))
        for start in range(0, len(audio), AUDIO_PIECE_BYTES)
    ]


def _config(frame: frames.Config) -> pb.SessionConfig:
    config = pb.SessionConfig()
    if frame.settings is not UNSET:
        config.settings.CopyFrom(pb.VoiceSettings(**set_values(frame.settings)))
    if frame.context is not UNSET:
        config.context_json = unwrap_context(bytes(frame.context).decode())
        _declare_tools(config)
    if frame.output is not UNSET:
        config.output_audio.CopyFrom(_output_audio(frame.output))
    if frame.turn_detection is not UNSET:
        write(set_values(frame.turn_detection), config.turn_detection)
    if frame.tools is not UNSET:
        config.tools.CopyFrom(pb.ToolSet(tools=map(_tool, frame.tools)))
    if frame.system_prompt is not UNSET:
        config.pipeline.system_prompt = frame.system_prompt
    if frame.draft_replies is not UNSET:
        config.pipeline.draft_replies = frame.draft_replies
    return config


def _declare_tools(config: pb.SessionConfig) -> None:
    tools = tools_in(config.context_json)
    if tools is not None:
        config.tools.CopyFrom(tools)


def _output_audio(output: frames.Output) -> pb.OutputAudioConfig:
    return pb.OutputAudioConfig(
        format=pb.AudioFormat(
            encoding=pb.AudioEncoding.Value(f"AUDIO_ENCODING_{output.encoding.upper()}")
        ),
        framing=pb.ChunkFraming.Value(f"CHUNK_FRAMING_{output.framing.upper()}"),
        max_lead_ms=output.max_lead_ms,
        supports_hold=output.supports_hold,
    )


def _tool(tool: frames.Tool) -> pb.ToolDefinition:
    definition = pb.ToolDefinition(name=tool.name, description=tool.description)
    if tool.parameters is not UNSET:
        definition.parameters_json_schema = bytes(tool.parameters).decode()
    if tool.state_key or tool.setter_key:
        definition.state_setter.state_key = tool.state_key
        definition.state_setter.setter_key = tool.setter_key
        definition.state_setter.argument_order.extend(tool.argument_order)
    return definition


# -- what is wrong with a frame ------------------------------------------------------------------


class _Typed(msgspec.Struct):
    type: str = ""


def _misfit(frame: str, problem: str) -> DialectError:
    """The error for JSON that is not of this dialect, from what msgspec says about it."""
    what, _, path = problem.partition(" - at `$")
    path = path.removesuffix("`").removeprefix(".")
    if missing := re.search(r"missing required field `(\w+)`", what):
        path, what = f"{path}.{missing[1]}".removeprefix("."), "is missing"
    elif path == "type":
        what = "is not known"
    elif what.startswith("Invalid enum value"):
        what = "is not one of the known values"
    message = f"{path or 'the frame'}: {what[:1].lower()}{what[1:]}"
    return DialectError(message, code=_code_of_misfit(frame), field=path)


def _code_of_misfit(frame: str) -> "pb.ErrorCode.ValueType":
    try:
        is_config = msgspec.json.decode(frame, type=_Typed).type == "config"
    except (msgspec.DecodeError, UnicodeError, RecursionError):  # it is no JSON after the misfit
        is_config = False
    return pb.ERROR_CODE_INVALID_CONFIG if is_config else pb.ERROR_CODE_INVALID_MESSAGE
