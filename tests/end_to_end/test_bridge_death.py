"""A bridge that is killed: browsers come back to another one, and to the same session."""

import io
import wave
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from cedar_voice_service.server import open_server
from tests.support.bridge import Socket
from tests.support.http_clients import event_source
from tests.support.mortal_service import MortalBridge, mortal_bridge
from tests.support.recordings import speech_pcm
from tests.support.service import LOCAL, settings

OUTPUT = {"maxLeadMs": 500, "supportsHold": True}
"""Who has a queue of its own is told everything as it is said."""

PIECE_BYTES = 3_200
WORDS = {"weather", "london"}

pytestmark = pytest.mark.xdist_group("recovery")


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[MortalBridge]:
    async with (
        open_server(settings(**LOCAL)) as (address, _),
        mortal_bridge(tmp_path, address) as running,
    ):
        yield running


def _wav_header(pcm_bytes: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setparams((1, 2, 16_000, 0, "NONE", ""))
        recording.writeframes(bytes(pcm_bytes))
    return file.getvalue()[:-pcm_bytes]


def answer_in(frames: list[dict[str, Any]]) -> str:
    return "".join(frame["text"] for frame in frames if frame["type"] == "response_chunk")


def places_in(frames: list[dict[str, Any]]) -> list[tuple[int, str]]:
    return [(frame["seq"], frame["type"]) for frame in frames if "seq" in frame]


async def test_words_that_a_killed_bridge_swallowed_are_said_again_and_transcribed_once(
    bridge: MortalBridge,
) -> None:
    pcm = speech_pcm()
    pieces = [pcm[at : at + PIECE_BYTES] for at in range(0, len(pcm), PIECE_BYTES)]
    said: list[dict[str, Any]] = [
        {"type": "start_listening", "seq": 1},
        *(
            {"type": "audio_chunk", "seq": number, "data": b64encode(piece).decode()}
            for number, piece in enumerate([_wav_header(len(pcm)), *pieces], 2)
        ),
    ]
    said.append({"type": "stop_listening", "seq": len(said) + 1})
    half = len(said) // 2
    async with bridge.connect("?sessionId=mine") as first:
        await first.say(type="config", output=OUTPUT)
        for frame in said[:half]:
            await first.say(**frame)
        await first.hear_until("speech")  # some of them have arrived
        await bridge.kill()
    place = max(frame.get("seq", 0) for frame in first.heard)
    await bridge.start()
    async with bridge.connect(f"?sessionId=mine&lastSeq={place}") as second:
        ready = await second.hear_until("ready")
        assert ready["resumed"] and 0 < ready["received"] <= half
        for frame in said:  # what has arrived is passed over
            await second.say(**frame)
        metrics = await second.hear_until("turn_metrics")
        await second.say(type="ping")
        assert (await second.hear_until("pong"))["received"] == len(said)
    (final,) = [frame for frame in second.heard if frame["type"] == "transcription_final"]
    assert set(final["text"].split()) >= WORDS
    assert metrics["inputAudioMs"] == len(pcm) // 32  # all of it, and nothing twice
    assert "error" not in first.kinds + second.kinds


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
