"""The document of the dialect names every frame and every field of it."""

import re
from typing import get_args

import msgspec
import pytest

from cedar_voice_bridge.dialects.cedar_websocket import frames
from cedar_voice_bridge.translation.configuration import Settings
from cedar_voice_bridge.translation.frames import Output, Tool, TurnDetection, Usage
from tests.support.checkout import ROOT

TEXT = (ROOT / "docs" / "websocket.md").read_text()
UP, DOWN = re.split("^## What a browser receives$", TEXT, flags=re.MULTILINE)
PARTS = [Settings, Output, TurnDetection, Tool]


def names(struct: type[msgspec.Struct]) -> set[str]:
    """The names that a struct has in JSON: its type and its fields."""
    tag = struct.__struct_config__.tag
    fields = {field.encode_name for field in msgspec.structs.fields(struct)}
    return fields | ({str(tag)} if tag else set())


@pytest.mark.parametrize("struct", [*get_args(frames.UpFrame), *PARTS], ids=lambda s: s.__name__)
def test_what_a_browser_sends(struct: type[msgspec.Struct]) -> None:
    assert names(struct) <= set(re.findall(r"`(\w+)`", UP))


@pytest.mark.parametrize(
    "struct",
    [*get_args(frames.DownFrame), Usage, frames.AudioFormat],
    ids=lambda s: s.__name__,
)
def test_what_a_browser_receives(struct: type[msgspec.Struct]) -> None:
    assert names(struct) <= set(re.findall(r"`(\w+)`", DOWN))
