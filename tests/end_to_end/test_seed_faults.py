"""The faults of the documents' clients that a server has to work around, and where that is shown.

`SHOWN_BY` names, for each of them, the tests that would fail without the workaround; those that are
shown nowhere else are below. Numbers 1 to 14 are of the WebSocket document, 15 to 23 of the
streaming document.
"""

import base64
from collections.abc import AsyncIterator, Mapping

import pytest

from cedar_voice_service.server import open_server
from tests.support.bridge import Bridge, Socket, bridging
from tests.support.checkout import ROOT
from tests.support.media import recorded
from tests.support.openai_script import INSTANT, Answer, Fault
from tests.support.openai_standin import OpenAIStandin
from tests.support.service import settings_of

BLOBS = recorded("webm").blobs

SHOWN_BY: Mapping[int, tuple[str, ...]] = {
    1: ("test_a_client_that_never_says_stop_is_answered",),
    2: ("test_2_a_new_recording_is_a_new_turn_and_interrupts", "test_2_a_second_recording"),
    3: ("test_stop_ends_the_turn_and_what_comes_after_it_is_dropped",),
    4: ("test_4_the_rest_of_a_recording_after_a_reconnect_harms_nothing",),
    5: ("test_5_each_clip_is_whole_and_none_sounds_over_another",),
    6: ("test_6_speaking_ends_also_after_a_failure",),
    7: ("test_an_action_reaches_every_dialect",),
    8: ("test_8_an_error_says_its_reason_in_message",),
    9: ("test_9_every_address_of_the_documents_is_a_socket",),
    10: ("test_10_the_session_is_the_one_that_the_client_names",),
    11: ("test_11_auth_is_no_error_and_a_bad_frame_costs_nothing", "test_11_a_wrong_token"),
    12: ("test_12_recorders_that_talk_at_once_cost_their_turn_and_no_more",),
    13: ("test_a_second_socket_takes_the_session_over", "test_13_config_may_be_missing"),
    14: ("test_14_no_speaker_is_cut_off_after_fifty_messages",),
    15: ("test_15_an_upload_without_session_is_told_so",),
    16: ("test_16_uploads_wait_for_no_recognizer", "test_16_uploads_that_run_together"),
    17: ("test_17_events_wait_for_a_reader", "test_17_a_silent_stream_is_pinged_in_json"),
    18: ("test_18_the_last_upload_comes_with_or_without_audio",),
    19: ("test_19_this_dialect_says_audio_data",),
    20: ("test_20_a_recording_without_its_beginning_is_unreadable",),
    21: ("test_21_a_socket_that_is_refused_opens_first",),
    22: ("test_22_ten_sessions_at_once_that_are_never_completed_expire",),
    23: ("test_23_confidence_is_a_number_or_null",),
}


def test_every_fault_is_shown_somewhere() -> None:
    folder = ROOT / "tests" / "end_to_end"
    written = "".join(path.read_text() for path in folder.glob("test_*.py"))
    assert sorted(SHOWN_BY) == list(range(1, 24))
    for names in SHOWN_BY.values():
        assert all(f"async def {name}" in written for name in names), names


@pytest.fixture
async def standin() -> AsyncIterator[OpenAIStandin]:
    """The model server."""
    async with OpenAIStandin(answers=(Answer("At three."),), latencies=INSTANT) as running:
        yield running


@pytest.fixture
async def bridge(standin: OpenAIStandin) -> AsyncIterator[Bridge]:
    """The bridge to a service on that model server."""
    async with open_server(settings_of(standin)) as (address, _), bridging(address) as running:
        yield running


async def say(socket: Socket, blobs: tuple[bytes, ...] = BLOBS) -> None:
    """Send pieces of recordings as the slice does."""
    for blob in blobs:
        await socket.say(type="audio_chunk", data=base64.b64encode(blob).decode(), timestamp=1)


async def test_2_a_second_recording_on_a_socket_is_a_second_turn(bridge: Bridge) -> None:
    async with bridge.connect("?sessionId=two") as socket:
        for _ in range(2):
            await say(socket)
            await socket.hear_until("audio_complete")
    assert sum(frame["type"] == "transcription_final" for frame in socket.heard) == 2


async def test_4_the_rest_of_a_recording_after_a_reconnect_harms_nothing(bridge: Bridge) -> None:
    async with bridge.connect("?sessionId=cut") as socket:
        await say(socket, BLOBS[:9])
        await socket.hear_until("ready")
    async with bridge.connect("?sessionId=cut") as socket:
        await say(socket, BLOBS[12:])
        await socket.say(type="stop_listening")
        await socket.say(type="start_listening")
        await say(socket)
        await socket.say(type="stop_listening")
        await socket.hear_until("response_complete")


async def test_6_speaking_ends_also_after_a_failure(bridge: Bridge, standin: OpenAIStandin) -> None:
    standin.faults["llm"] = Fault(status=500)
    async with bridge.connect("?sessionId=fails") as socket:
        await say(socket)
        await socket.hear_until("response_start")
        await socket.hear_until("audio_complete")


async def test_8_an_error_says_its_reason_in_message(bridge: Bridge) -> None:
    async with bridge.connect("?sessionId=wrong") as socket:
        await socket.say(type="audio_chunk", data="?")
        assert (await socket.hear_until("error"))["message"]


@pytest.mark.parametrize("path", ["/api/voice/ws", "/api/chat/voice/ws", "/"])
async def test_9_every_address_of_the_documents_is_a_socket(bridge: Bridge, path: str) -> None:
    async with bridge.connect("?sessionId=where", path=path) as socket:
        await socket.say(type="text", text="hello")
        await socket.hear_until("response_chunk")


async def test_10_the_session_is_the_one_that_the_client_names(bridge: Bridge) -> None:
    async with bridge.connect("?sessionId=mine") as socket:
        assert await socket.hear() == {"type": "connected", "sessionId": "mine"}
        assert (await socket.hear_until("ready"))["sessionId"] == "mine"


async def test_12_recorders_that_talk_at_once_cost_their_turn_and_no_more(bridge: Bridge) -> None:
    other = recorded("mp4").blobs
    async with bridge.connect("?sessionId=crowd") as socket:
        await say(socket, tuple(blob for pair in zip(BLOBS, other, strict=False) for blob in pair))
        await socket.say(type="stop_listening")
        await socket.say(type="start_listening")
        await say(socket)
        await socket.say(type="stop_listening")
        await socket.hear_until("response_complete")


async def test_13_config_may_be_missing_or_come_late(bridge: Bridge) -> None:
    async with bridge.connect("?sessionId=late") as socket:
        await say(socket)
        await socket.say(type="config", settings={"language": "en-US"}, context="{}")
        await socket.hear_until("response_complete")


async def test_14_no_speaker_is_cut_off_after_fifty_messages(bridge: Bridge) -> None:
    async with bridge.connect("?sessionId=long") as socket:
        for _ in range(5):
            await say(socket)
        assert len(BLOBS) * 5 > 100
        await socket.hear_until("response_complete")
    assert not [frame for frame in socket.heard if frame["type"] == "error"]


@pytest.mark.parametrize("path", ["/api/voice/ws", "/"])
async def test_21_a_socket_that_is_refused_opens_first(standin: OpenAIStandin, path: str) -> None:
    async with (
        open_server(settings_of(standin)) as (address, _),
        bridging(address, auth_tokens=("right",)) as bridge,
        bridge.connect("?token=wrong", path=path) as socket,  # raises where the handshake fails
    ):
        assert await socket.closing() == 1008
