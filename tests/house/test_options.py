"""An option of turn detection is written by hand three times: in the contract, shared, in the SDK.

Everything else follows by reflection: the service's configuration, its checks and its `ready`, the
bridge's frames and documents. Types for JavaScript and a page of the documentation are written for
readers; they must have the same names.
"""

import ast
import json
import re
from dataclasses import fields, replace
from enum import Enum
from typing import Any

import msgspec
import pytest

import cedar_voice.v1 as pb
import cedar_voice_client as sdk
from cedar_voice_bridge.dialects.cedar_websocket import requests, responses
from cedar_voice_bridge.translation import frames
from cedar_voice_bridge.translation.configuration import Settings
from cedar_voice_client import events
from cedar_voice_client.wire import config_from_options, event_from_proto
from cedar_voice_service.audio.formats import Encoding, Framing
from cedar_voice_service.errors import CallerError, Code, Stage
from cedar_voice_service.session.answer_parts import FinishReason
from cedar_voice_service.session.config import Generation, Limits, SessionConfig
from cedar_voice_service.session.messages import InterruptionReason, SpeechKind
from cedar_voice_service.wire.config import patch_of
from cedar_voice_service.wire.responses import encode_ready
from cedar_voice_shared import mirror, options
from tests.support.checkout import ROOT, sources

DETECTION = pb.TurnDetection.DESCRIPTOR
NAMES = set(DETECTION.fields_by_name)
WANTED = options.TurnDetection(
    options.TurnMode.MANUAL, 0.25, 1, 101, 2, 1_001, 3, False, False, 4, False
)
"""Each option with a value other than its default."""

GROUPS: dict[str, type] = {
    "settings": options.VoiceSettings,
    "turn_detection": options.TurnDetection,
    "pipeline": Generation,
}


def names_in(module: ast.Module) -> set[str]:
    """Return the options that a module declares, passes on or names in texts, not its reads."""
    found = set()
    for node in ast.walk(module):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.keyword(arg=str(name)):
                found.add(name)
            case ast.Constant(value=str(text)):
                found.add(text.rpartition(".")[2])
            case _:
                pass
    return found & NAMES


def test_two_modules_beside_the_contract_name_the_options() -> None:
    naming = {
        module
        for module, path in sources().items()
        if len(names_in(ast.parse(path.read_text()))) > len(NAMES) // 2
    }
    assert naming == {"cedar_voice_shared.options", "cedar_voice_client.options"}


def test_an_option_of_the_contract_is_an_option_everywhere() -> None:
    assert {field.name for field in fields(options.TurnDetection)} == NAMES
    assert {field.name for field in fields(sdk.TurnDetection)} == NAMES
    assert set(frames.TurnDetection.__struct_fields__) == NAMES
    settings = set(pb.VoiceSettings.DESCRIPTOR.fields_by_name)
    assert {field.name for field in fields(options.VoiceSettings)} == settings
    assert set(Settings.__struct_fields__) == settings
    generation = set(pb.PipelineConfig.DESCRIPTOR.fields_by_name)
    assert {field.name for field in fields(Generation)} == generation | {"apology"}


@pytest.mark.parametrize(
    "struct",
    [Settings, frames.TurnDetection, frames.Output, frames.Tool],
    ids=lambda struct: struct.__name__,
)
def test_the_types_for_javascript_name_the_same(struct: type[msgspec.Struct]) -> None:
    text = (ROOT / "clients" / "web" / "frames.js").read_text()
    found = re.search(
        rf"@typedef {{object}} {struct.__name__}\b(.*?)\n \*(?:\n|/)", text, re.DOTALL
    )
    assert found
    properties = set(re.findall(r"@property {.*} \[?(\w+)\]?", found[1]))
    assert properties == {field.encode_name for field in msgspec.structs.fields(struct)}


def test_an_option_arrives_from_the_sdk_and_comes_back() -> None:
    asked = mirror.read(sdk.TurnDetection, in_contract(WANTED))
    config = config_from_options(sdk.SessionOptions(turn_detection=asked))
    in_force = SessionConfig().patched(patch_of(config, Limits()))
    assert in_force.turn_detection == WANTED
    ready = event_from_proto(pb.VoiceSessionResponse(ready=encode_ready(in_force)))
    assert isinstance(ready, events.Ready)
    assert ready.turn_detection == asked


def test_an_option_arrives_from_a_browser_and_comes_back() -> None:
    ready = pb.VoiceSessionResponse(
        ready=encode_ready(replace(SessionConfig(), turn_detection=WANTED))
    )
    (frame,) = responses.frames_of(ready)
    detection = json.loads(frame)["turnDetection"]
    assert len(detection) == len(NAMES)
    text = json.dumps({"type": "config", "turnDetection": detection})
    (request,) = requests.requests_of(requests.read(text))
    in_force = SessionConfig().patched(patch_of(request.config, Limits()))
    assert in_force.turn_detection == WANTED


@pytest.mark.parametrize(
    ("group", "name", "allowed"),
    [
        (group, name, allowed)
        for group, kind in GROUPS.items()
        for name, allowed in options.ranges_of(kind).items()
    ],
)
def test_a_number_beyond_its_range_is_refused_by_name(
    group: str, name: str, allowed: options.Range
) -> None:
    step = 1 if name.endswith(("_ms", "_tokens")) else 0.01

    def check(value: float) -> None:
        config = pb.SessionConfig()
        setattr(getattr(config, group), name, value)
        patch_of(config, Limits())

    for value in (allowed.low, *([allowed.high] if allowed.is_bounded else [])):
        check(value)
    beyond = [allowed.low - step] if allowed.low else []
    beyond += [allowed.high + step] if allowed.is_bounded else []
    for value in beyond:
        with pytest.raises(CallerError) as refusal:
            check(value)
        assert refusal.value.field == f"{group}.{name}"


@pytest.mark.parametrize(
    ("kind", "enum"),
    [
        (Code, pb.ErrorCode.DESCRIPTOR),
        (Stage, pb.PipelineStage.DESCRIPTOR),
        (SpeechKind, pb.SpeechEvent.DESCRIPTOR),
        (FinishReason, pb.FinishReason.DESCRIPTOR),
        (InterruptionReason, pb.InterruptionReason.DESCRIPTOR),
        (options.TurnMode, pb.TurnDetectionMode.DESCRIPTOR),
        (Framing, pb.ChunkFraming.DESCRIPTOR),
        (Encoding, pb.AudioEncoding.DESCRIPTOR),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_the_contract_has_every_member_by_its_name(kind: type[Enum], enum: Any) -> None:
    unspecified = {Encoding.AUTO.name} if kind is Encoding else set()
    assert {member.name for member in kind} - unspecified <= set(mirror.numbers_of(enum))


def in_contract(detection: options.TurnDetection) -> pb.TurnDetection:
    """Return the message of these options."""
    message = pb.TurnDetection()
    mirror.write(detection, message)
    return message
