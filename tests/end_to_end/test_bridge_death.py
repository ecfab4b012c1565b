"""A bridge that is killed: browsers come back to another one, and to the same session."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from cedar_voice_service.server import open_server
from tests.support.bridge import Socket
from tests.support.http_clients import event_source
from tests.support.mortal_service import MortalBridge, mortal_bridge
from tests.support.service import LOCAL, settings

OUTPUT = {"maxLeadMs": 500, "supportsHold": True}
"""Who has a queue of its own is told everything as it is said."""

pytestmark = pytest.mark.xdist_group("recovery")


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[MortalBridge]:
    async with (
        open_server(settings(**LOCAL)) as (address, _),
        mortal_bridge(tmp_path, address) as running,
    ):
        yield running


def answer_in(frames: list[dict[str, Any]]) -> str:
    return "".join(frame["text"] for frame in frames if frame["type"] == "response_chunk")


def places_in(frames: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(frame["seq"], frame["type"]) for frame in frames if "seq" in frame]


async def test_an_answer_goes_on_in_every_dialect_through_the_death_of_the_bridge(
    bridge: MortalBridge,
) -> None:
    async with AsyncExitStack() as open_before:
        enter = open_before.enter_async_context
        exact: Socket = await enter(bridge.connect("?sessionId=mine"))
        naive: Socket = await enter(bridge.connect("?sessionId=mine", path="/"))
        events = await enter(event_source(bridge, "mine"))
        await exact.say(type="config", output=OUTPUT)
        await exact.say(type="text", text="tell me all about the weather in london")
        await exact.hear_until("audio_chunk")
        await naive.hear_until("audio_chunk")
        await events.until("response_chunk")
        await exact.say(type="ping")  # carries an acknowledgement
        await exact.hear_until("pong")
        await bridge.kill()
    place = next(frame["seq"] for frame in exact.heard if frame["type"] == "response_start")
    heard = [frame for frame in exact.heard if frame.get("seq", 0) <= place]  # the rest got lost
    told = events.heard
    await bridge.start()
    async with (
        bridge.connect(f"?sessionId=mine&lastSeq={place}") as exact,
        bridge.connect("?sessionId=mine", path="/") as naive,
        event_source(bridge, "mine", after=events.places[-1]) as events,
    ):
        ready = await exact.hear_until("ready")
        assert ready["resumed"] and not ready.get("restored") and ready["sessionId"] == "mine"
        await exact.hear_until("turn_metrics")
        await naive.hear_until("complete")
        await events.until("complete")
    heard += exact.heard
    places = places_in(heard)
    assert len(set(places)) == len(places)
    assert sorted({seq for seq, _ in places}) == list(range(1, places[-1][0] + 1))
    (complete,) = [frame for frame in heard if frame["type"] == "response_complete"]
    assert complete["text"] == answer_in(heard) == answer_in(told + events.heard)
    assert "london" in complete["text"]
    assert "response_start" not in naive.kinds  # who names no place goes on from where it lives
    for reader in (naive, events):
        assert reader.heard[-1]["response"] == complete["text"]
    assert "error" not in {frame["type"] for frame in (*heard, *naive.heard, *events.heard)}
