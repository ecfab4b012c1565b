"""A browser's WebSocket against the whole backend: bridge, SDK, gRPC, service, model server."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cedar_voice_service.server import open_server
from tests.support.bridge import Bridge, Socket, bridging
from tests.support.hearing import listen
from tests.support.media import recorded
from tests.support.openai_script import INSTANT, Answer
from tests.support.openai_standin import OpenAIStandin
from tests.support.service import settings_of

CLIENT = "?sessionId=9d2c6c1e-6a0b-4a50-8f8e-1a2b3c4d5e6f"


@pytest.fixture
async def standin() -> AsyncIterator[OpenAIStandin]:
    """The model server."""
    answers = (Answer("At three. The room is yours."),)
    async with OpenAIStandin(answers=answers, latencies=INSTANT) as running:
        yield running


@pytest.fixture
async def bridge(standin: OpenAIStandin) -> AsyncIterator[Bridge]:
    """The bridge to a service on that model server."""
    async with open_server(settings_of(standin)) as (address, _), bridging(address) as running:
        yield running


async def speak(socket: Socket, container: str = "webm") -> None:
    """Send what a MediaRecorder recorded, blob after blob, as the seed's slice does."""
    for number, blob in enumerate(recorded(container).blobs):
        data = base64.b64encode(blob).decode()
        await socket.say(type="audio_chunk", data=data, timestamp=1_763_719_200_000 + 100 * number)


def texts(frames: list[dict[str, Any]], kind: str) -> list[str]:
    """The texts of the frames of a type."""
    return [frame["text"] for frame in frames if frame["type"] == kind]


@pytest.mark.parametrize("container", ["webm", "mp4"])
async def test_a_client_that_never_says_stop_is_answered(bridge: Bridge, container: str) -> None:
    async with bridge.connect(CLIENT) as socket:
        await socket.say(type="config", settings={"language": "en-US"}, context="{}")
        await speak(socket, container)
        await socket.hear_until("audio_complete")
    heard = socket.heard
    (said,) = texts(heard, "transcription_final")
    (answer,) = texts(heard, "response_complete")
    assert "calendar" in said
    assert "".join(texts(heard, "response_chunk")) == answer
    spoken = [frame for frame in heard if frame["type"] == "audio_chunk"]
    for chunk in spoken:
        alone = listen(base64.b64decode(chunk["data"]))
        assert abs(alone.duration_ms - chunk["durationMs"]) < 1


async def test_stop_ends_the_turn_and_what_comes_after_it_is_dropped(bridge: Bridge) -> None:
    *blobs, last = recorded("webm").blobs
    async with bridge.connect(CLIENT) as socket:
        for blob in blobs:
            await socket.say(type="audio_chunk", data=base64.b64encode(blob).decode())
        await socket.say(type="stop_listening")
        await socket.say(type="audio_chunk", data=base64.b64encode(last).decode())
        await socket.hear_until("response_complete")
        await socket.say(type="ping")
        await socket.hear_until("pong")
    assert len(texts(socket.heard, "transcription_final")) == 1
    assert "error" not in socket.kinds


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "audio_chunk", "data": "bm90IGF1ZGlvIGF0IGFsbCwgbm90IGF0IGFsbA=="}, None),
        ({"type": "stop_listening"}, "protocol_violation"),
        ({"type": "text", "text": "  "}, "invalid_message"),
        ({"type": "config", "settings": {"rate": 20}}, "invalid_config"),
        ({"type": "config", "turnDetection": {"silenceDurationMs": 1}}, "invalid_config"),
        ({"type": "config", "tools": [{"name": "no name"}]}, "invalid_config"),
    ],
    ids=["garbage audio", "stop without audio", "blank", "rate", "turn detection", "tools"],
)
async def test_what_the_service_cannot_take_costs_nothing(
    bridge: Bridge, frame: dict[str, Any], code: str | None
) -> None:
    async with bridge.connect(CLIENT) as socket:
        await socket.hear_until("ready")
        await socket.say(**frame)
        error = await socket.hear_until("error")
        assert error["message"]
        assert code is None or error["code"] == code
        await socket.say(type="start_listening")
        await speak(socket)
        await socket.say(type="stop_listening")
        await socket.hear_until("response_complete")


async def test_a_client_with_a_player_has_texts_spoken_and_tells_what_it_played(
    bridge: Bridge,
) -> None:
    async with bridge.connect(CLIENT) as socket:
        await socket.hear_until("ready")
        await socket.say(type="config", output={"maxLeadMs": 1_000, "supportsHold": True})
        assert (await socket.hear_until("ready"))["output"]["supportsHold"]
        for asked in ({"type": "say", "text": "Welcome back."}, {"type": "create_response"}):
            await socket.say(**asked)
            while (frame := await socket.hear())["type"] != "turn_metrics":
                if frame["type"] == "audio_chunk":
                    played_ms = frame["offsetMs"] + frame["durationMs"]
                    await socket.say(
                        type="playback", responseId=frame["responseId"], playedMs=played_ms
                    )
            assert "firstHeardMs" in frame
    assert texts(socket.heard, "response_complete") == [
        "Welcome back.",
        "At three. The room is yours.",
    ]
    assert "error" not in socket.kinds


async def test_a_client_hears_that_nobody_speaks(bridge: Bridge) -> None:
    async with bridge.connect(CLIENT) as socket:
        await socket.say(type="config", turnDetection={"noInputTimeoutMs": 50})
        while (await socket.hear_until("speech"))["event"] != "no_input":
            pass


async def test_a_client_that_reconnects_goes_on_with_its_conversation(
    bridge: Bridge, standin: OpenAIStandin
) -> None:
    async with bridge.connect(CLIENT) as socket:
        await socket.say(type="text", text="my name is Ada")
        await socket.hear_until("audio_complete")
    async with bridge.connect(CLIENT) as socket:
        assert (await socket.hear_until("ready"))["resumed"]
        await socket.say(type="text", text="who am I")
        await socket.hear_until("response_complete")
    asked = [request.body for request in standin.requests if request.stage == "llm"]
    assert "my name is Ada" in str(asked[-1])


async def test_what_only_the_client_heeds_is_echoed(bridge: Bridge) -> None:
    async with bridge.connect() as socket:
        await socket.hear_until("ready")
        await socket.say(type="config", settings={"autoAddToMessages": False})
        ready = await socket.hear_until("ready")
        assert ready["settings"]["autoAddToMessages"] is False


async def test_a_client_that_names_its_place_is_told_everything_after_it(bridge: Bridge) -> None:
    async with bridge.connect(CLIENT) as socket:
        await socket.say(type="text", text="hello")
        await socket.hear_until("turn_metrics")
        numbered = [frame for frame in socket.heard if frame.get("seq")]
    place = next(frame["seq"] for frame in numbered if frame["type"] == "response_chunk")
    async with bridge.connect(f"{CLIENT}&lastSeq={place}") as socket:
        await socket.hear_until("turn_metrics")
        again = [frame for frame in socket.heard if frame.get("seq")]
    assert again == [frame for frame in numbered if frame["seq"] > place]


@pytest.mark.parametrize("place", ["", "nonsense", "-1", "9" * 40, "99999"])
async def test_a_place_that_is_none_is_as_none(bridge: Bridge, place: str) -> None:
    async with bridge.connect(CLIENT) as socket:
        await socket.say(type="text", text="hello")
        await socket.hear_until("turn_metrics")
    async with bridge.connect(f"{CLIENT}&lastSeq={place}") as socket:
        await socket.say(type="ping", sentAt=1)
        await socket.hear_until("pong")
        assert not [frame for frame in socket.heard if frame.get("seq")]


async def test_what_a_client_does_not_tell_to_have_is_kept_also_for_another_bridge(
    standin: OpenAIStandin,
) -> None:
    async with open_server(settings_of(standin)) as (address, _):
        async with bridging(address) as first, first.connect(f"{CLIENT}&lastSeq=0") as socket:
            silent = {"useBrowserTTS": True}
            await socket.say(type="config", settings=silent, output={"maxLeadMs": 500})
            for text in ("one", "two", "three"):
                await socket.say(type="text", text=text)
                await socket.hear_until("turn_metrics")
            await socket.say(type="ping", lastSeq=1)
            await socket.hear_until("pong")
            lacking = [frame for frame in socket.heard if frame.get("seq", 0) > 1]
        async with bridging(address) as second, second.connect(f"{CLIENT}&lastSeq=1") as socket:
            for _ in range(3):
                await socket.hear_until("turn_metrics")
            assert [frame for frame in socket.heard if frame.get("seq")] == lacking


async def test_a_place_that_the_session_has_not_reached_is_told_to_be_of_another(
    bridge: Bridge,
) -> None:
    for place, is_same in (("0", True), ("99999", False)):
        async with bridge.connect(CLIENT) as socket:
            await socket.say(type="text", text="hello")
            await socket.hear_until("turn_metrics")
        async with bridge.connect(f"{CLIENT}&lastSeq={place}") as socket:
            assert (await socket.hear_until("ready"))["resumed"] is is_same


async def test_a_second_socket_takes_the_session_over(bridge: Bridge) -> None:
    async with bridge.connect(CLIENT) as first:
        await first.hear_until("ready")
        async with bridge.connect(CLIENT) as second:
            assert (await second.hear_until("ready"))["resumed"]
            assert await first.closing() == 4409
            assert first.heard[-1]["code"] == "session_taken_over"
            await second.say(type="text", text="still here")
            await second.hear_until("response_complete")
