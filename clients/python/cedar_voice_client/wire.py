"""Conversion between the contract's messages and the events and options of this package. Pure.

Each dataclass mirrors a message: see `cedar_voice_shared.mirror`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

import cedar_voice.v1 as pb
from cedar_voice_client import events
from cedar_voice_client.options import SessionOptions, Tool
from cedar_voice_shared.mirror import read, write

EVENT_OF_PAYLOAD: Mapping[str, type[events.Event]] = {
    "ready": events.Ready,
    "transcription": events.Transcription,
    "audio": events.AudioChunk,
    "action": events.Action,
    "error": events.ErrorEvent,
    "speech": events.SpeechActivity,
    "interruption": events.Interruption,
    "metrics": events.TurnMetrics,
    "go_away": events.GoAway,
    "token_expiring": events.TokenExpiring,
    "pong": events.Pong,
    "hold": events.PlaybackHold,
}
EVENT_OF_RESPONSE: Mapping[str, type[events.Event]] = {
    "started": events.ResponseStarted,
    "delta": events.ResponseDelta,
    "completed": events.ResponseCompleted,
}


def event_from_proto(response: pb.VoiceSessionResponse) -> events.Event | None:
    """Return the event in a message of the server; None if it is unknown to this version."""
    payload = response.WhichOneof("payload")
    place = _place_of(response)
    if payload == "response":
        kind = response.response.WhichOneof("event")
        if kind is None:
            return None
        part = getattr(response.response, kind)
        return read(
            EVENT_OF_RESPONSE[kind], part, response_id=response.response.response_id, **place
        )
    if payload is None:
        return None
    return read(EVENT_OF_PAYLOAD[payload], getattr(response, payload), **place)


def ready_from_proto(response: pb.VoiceSessionResponse) -> events.Ready:
    """Return the event in a message of the server whose payload is `ready`."""
    return read(events.Ready, response.ready, **_place_of(response))


def _place_of(response: pb.VoiceSessionResponse) -> dict[str, int]:
    return {"term": response.term, "sequence": response.sequence, "turn_id": response.turn_id}


def config_from_options(options: SessionOptions) -> pb.SessionConfig:
    """Return the options as a configuration message.

    Raises:
        TypeError: a value has the wrong type, or is not JSON where JSON is required.
        ValueError: a number does not fit its field.
    """
    config = pb.SessionConfig()
    write(replace(options, tools=None), config)
    write(options, config.settings)
    write(options, config.pipeline)
    if options.context is not None:
        config.context_json = _json(options.context)
    if options.tools is not None:
        config.tools.SetInParent()
        for tool in options.tools:
            _write_tool(tool, config.tools.tools.add())
    return config


def _write_tool(tool: Tool, message: pb.ToolDefinition) -> None:
    write(tool, message)
    if tool.parameters is not None:
        message.parameters_json_schema = _json(tool.parameters)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
