"""The streaming clients' uploads, event streams and sockets, against the whole backend.

Each test bears the numbers of the faults in those clients that it shows to be worked around, as in
the list of what Cedar frontends demand: 15 to 23 of the streaming document, 2, 5 and 11 of both.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pytest

from cedar_voice_service.server import open_server
from tests.support.bridge import Bridge, Socket, bridging
from tests.support.hearing import listen
from tests.support.http_clients import CONTEXT, SETTINGS, VOICE, event_source, form, post
from tests.support.media import Form, recorded, written
from tests.support.openai_script import INSTANT, Answer, Fault, ScriptedCall
from tests.support.openai_standin import OpenAIStandin
from tests.support.recordings import speech_pcm
from tests.support.service import settings_of

BLOBS = recorded("webm").blobs
OGG = written(Form("ogg", "libopus", options={"page_duration": "100000"}))
PAGES = tuple(b"OggS" + page for page in OGG.split(b"OggS")[1:])
UPLOAD = f"{VOICE}/stream"


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


async def upload(
    bridge: Bridge, session_id: str, audio: bytes | None, *, is_complete: bool = False, **more: Any
) -> tuple[int, Any]:
    """One upload as the document's client makes it, with the session it forgets."""
    fields: dict[str, Any] = {"settings": SETTINGS, "isComplete": str(is_complete).lower()}
    if audio is not None:
        fields = {"audioChunk": audio, **fields}
    return await post(bridge, UPLOAD, form(**fields, sessionId=session_id, **more))


async def record(bridge: Bridge, session_id: str, **more: Any) -> list[tuple[int, Any]]:
    """Upload a whole recording, chunk by chunk."""
    return [
        await upload(bridge, session_id, blob, is_complete=blob is BLOBS[-1], **more)
        for blob in BLOBS
    ]


# -- uploads ---------------------------------------------------------------------------------------


async def test_15_an_upload_without_session_is_told_so(bridge: Bridge) -> None:
    data = form(audioChunk=BLOBS[0], settings=SETTINGS, isComplete="false")
    assert await post(bridge, UPLOAD, data) == (400, {"error": "Session ID required"})


async def test_16_uploads_are_answered_with_the_latest_partial(bridge: Bridge) -> None:
    answers = await record(bridge, "one")
    assert {status for status, _ in answers} == {200}
    assert all(set(body) == {"partialTranscription", "confidence"} for _, body in answers)


@pytest.mark.parametrize("blobs", [BLOBS, PAGES], ids=["webm", "ogg"])
async def test_a_recording_goes_on_at_another_bridge(
    standin: OpenAIStandin, blobs: tuple[bytes, ...]
) -> None:
    half = len(blobs) // 2
    async with open_server(settings_of(standin)) as (address, _):
        async with bridging(address) as bridge:
            for blob in blobs[:half]:
                assert (await upload(bridge, "one", blob))[0] == 200
        async with bridging(address) as bridge, event_source(bridge, "one") as events:
            for blob in blobs[half:]:
                is_last = blob is blobs[-1]
                assert (await upload(bridge, "one", blob, is_complete=is_last))[0] == 200
            await events.until("complete")
    heard_ms = max(request.audio_ms for request in standin.requests if request.stage == "stt")
    assert heard_ms > 0.8 * len(speech_pcm("open_the_settings")) / 32
    assert len(events.of("complete")) == 1


async def test_16_uploads_wait_for_no_recognizer(bridge: Bridge, standin: OpenAIStandin) -> None:
    standin.latencies = replace(INSTANT, stt_base_ms=2_000)
    started_s = asyncio.get_running_loop().time()
    answers = await record(bridge, "slow")
    assert {status for status, _ in answers} == {200}
    assert asyncio.get_running_loop().time() - started_s < 2
    async with event_source(bridge, "slow") as events:
        await events.until("complete")


async def test_16_uploads_that_run_together_are_one_recording(bridge: Bridge) -> None:
    await upload(bridge, "parallel", BLOBS[0])
    for start in range(1, len(BLOBS), 6):
        uploads = [upload(bridge, "parallel", blob) for blob in BLOBS[start : start + 6]]
        assert {status for status, _ in await asyncio.gather(*uploads)} == {200}
    await upload(bridge, "parallel", None, is_complete=True)
    async with event_source(bridge, "parallel") as events:
        complete = await events.until("complete")
    assert complete["response"]


@pytest.mark.parametrize("has_audio", [True, False])
async def test_18_the_last_upload_comes_with_or_without_audio(
    bridge: Bridge, has_audio: bool
) -> None:
    *blobs, last = BLOBS
    for blob in blobs if has_audio else BLOBS:
        await upload(bridge, "last", blob)
    status, _ = await upload(bridge, "last", last if has_audio else None, is_complete=True)
    assert status == 200
    async with event_source(bridge, "last") as events:
        assert (await events.until("complete"))["transcription"]


async def test_18_an_upload_of_nothing_is_refused(bridge: Bridge) -> None:
    status, body = await upload(bridge, "nothing", None)
    assert (status, body) == (400, {"error": "audioChunk: is missing"})


@pytest.mark.parametrize("is_complete", [True, False])
async def test_20_a_recording_without_its_beginning_is_unreadable(
    bridge: Bridge, is_complete: bool
) -> None:
    headless = b"".join(BLOBS[1:11])
    status, body = await upload(bridge, "headless", headless, is_complete=is_complete)
    assert status == 422 and "beginning" in body["error"]


async def test_a_header_with_nothing_readable_behind_it_is_unreadable(bridge: Bridge) -> None:
    status, _ = await upload(bridge, "broken", BLOBS[0][:4] + bytes(4_000), is_complete=True)
    assert status == 422


async def test_16_a_chunk_that_was_overtaken_by_the_end_does_not_cut_the_answer(
    bridge: Bridge,
) -> None:
    *blobs, late = BLOBS
    for blob in blobs:
        await upload(bridge, "late", blob)
    await upload(bridge, "late", None, is_complete=True)
    await upload(bridge, "late", late)
    async with event_source(bridge, "late") as events:
        assert (await events.until("complete"))["response"] == "At three. The room is yours."


async def test_2_a_new_recording_is_a_new_turn_and_interrupts(bridge: Bridge) -> None:
    async with event_source(bridge, "again") as events:
        await record(bridge, "again")
        await events.until("audio_chunk")
        await record(bridge, "again")
        await events.until("complete")
        await events.until("complete")
    assert len(events.of("response_start")) == 2


async def test_22_ten_sessions_at_once_that_are_never_completed_expire(
    standin: OpenAIStandin,
) -> None:
    async with (
        open_server(settings_of(standin, max_sessions=10)) as (address, _),
        bridging(address, session_idle_ms=300) as bridge,
    ):
        names = [f"test-session-{number}" for number in range(10)]
        answers = await asyncio.gather(*(upload(bridge, name, BLOBS[0]) for name in names))
        assert {status for status, _ in answers} == {200}
        status, body = await upload(bridge, "one-too-many", BLOBS[0])
        assert status == 503 and body["error"]
        async with asyncio.timeout(5):
            while (await upload(bridge, "one-too-many", BLOBS[0]))[0] != 200:
                pass


async def test_23_confidence_is_a_number_or_null(bridge: Bridge) -> None:
    confidences = {body["confidence"] for _, body in await record(bridge, "sure")}
    assert all(value is None or 0 <= value <= 1 for value in confidences)


@pytest.mark.parametrize(
    ("more", "status"),
    [({"settings": "{"}, 400), ({"settings": {"rate": 20}}, 400), ({"sessionId": "../ö"}, 200)],
)
async def test_bad_fields_are_named_in_the_form_that_the_client_reads(
    bridge: Bridge, more: dict[str, Any], status: int
) -> None:
    fields = {"audioChunk": BLOBS[0], "isComplete": "false", "sessionId": "bad", **more}
    answered, body = await post(bridge, UPLOAD, form(**fields))
    assert answered == status
    assert status == 200 or isinstance(body["error"], str)


# -- event streams ---------------------------------------------------------------------------------


async def test_17_events_wait_for_a_reader_that_comes_after_the_uploads(bridge: Bridge) -> None:
    await record(bridge, "early")
    async with event_source(bridge, "early") as events:
        complete = await events.until("complete")
    assert events.heard[0]["type"] == "transcription"
    assert complete["response"] == "".join(event["text"] for event in events.of("response_chunk"))


async def test_17_headers_come_at_once(bridge: Bridge) -> None:
    async with asyncio.timeout(2), event_source(bridge, "waiting") as events:
        assert events.response.content_type == "text/event-stream"


async def test_17_a_silent_stream_is_pinged_in_json(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cedar_voice_bridge.dialects.streaming.endpoint.PING_INTERVAL_S", 0.05)
    async with event_source(bridge, "silent") as events:
        assert await events.until("ping") == {"type": "ping"}
        await events.until("ping")


async def test_17_a_reader_of_the_second_turn_does_not_hear_the_first_again(
    bridge: Bridge,
) -> None:
    for _ in range(2):
        await record(bridge, "turns")
        async with event_source(bridge, "turns") as events:
            await events.until("complete")
            assert len(events.of("response_start")) == 1


async def test_a_reader_that_comes_back_goes_on_exactly_there(bridge: Bridge) -> None:
    await record(bridge, "back")
    async with event_source(bridge, "back") as events:
        await events.until("response_chunk")
    first = events.heard
    async with event_source(bridge, "back", after=events.places[-1]) as events:
        await events.until("complete")
    async with event_source(bridge, "back", after=events.places[-1]) as nothing:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await nothing.next()
    texts = [event["text"] for event in first + events.heard if event["type"] == "response_chunk"]
    assert "".join(texts) == "At three. The room is yours."


@pytest.mark.parametrize("place", ["nonsense", "deadbeef-7", "-1", "x-99999999999999999999"])
async def test_a_place_that_is_none_begins_with_what_waits(bridge: Bridge, place: str) -> None:
    await record(bridge, "place")
    async with event_source(bridge, "place", after=place) as events:
        assert (await events.next() or {})["type"] == "transcription"


async def test_5_each_clip_is_whole_and_none_sounds_over_another(bridge: Bridge) -> None:
    loop = asyncio.get_running_loop()
    clips: list[tuple[float, float]] = []
    asked_s = loop.time()  # not the first arrival, which a busy machine may notice late
    async with event_source(bridge, "paced") as events:
        await record(bridge, "paced")
        while (event := await events.next() or {}).get("type") != "complete":
            if event["type"] == "audio_chunk":
                clips.append(
                    (loop.time(), listen(base64.b64decode(event["audioData"])).duration_ms)
                )
    played_ms = accumulate(duration_ms for _, duration_ms in clips)
    for played, (next_s, _) in zip(played_ms, clips[1:], strict=False):
        assert (next_s - asked_s) * 1000 > played - 60
    last = [event["isLast"] for event in events.of("audio_chunk")]
    assert len(last) >= 2 and last == [False] * (len(last) - 1) + [True]


async def test_19_this_dialect_says_audio_data(bridge: Bridge) -> None:
    await record(bridge, "names")
    async with event_source(bridge, "names") as events:
        chunk = await events.until("audio_chunk")
    assert "audioData" in chunk and "data" not in chunk


async def test_a_failed_stage_is_told_and_the_turn_completes(
    bridge: Bridge, standin: OpenAIStandin
) -> None:
    standin.faults["stt"] = Fault(status=500)
    await record(bridge, "deaf")
    async with event_source(bridge, "deaf") as events:
        assert (await events.until("error"))["code"] == "stt_failed"
        await events.until("complete")
        standin.faults.clear()
        await record(bridge, "deaf")
        assert (await events.until("complete"))["response"]


async def test_an_event_stream_needs_a_session_and_a_service(bridge: Bridge) -> None:
    async with bridge.http.get(f"{bridge.url}{VOICE}/stream-response") as answer:
        assert answer.status == 400
    async with bridging("127.0.0.1:1") as lonely:
        url = f"{lonely.url}{VOICE}/stream-response?sessionId=x"
        async with lonely.http.get(url) as answer:
            assert answer.status == 503 and answer.headers["Retry-After"]


# -- the socket ------------------------------------------------------------------------------------


async def say(socket: Socket, blobs: tuple[bytes, ...] = BLOBS) -> None:
    """Send a recording as the streaming document's server expects it."""
    for blob in blobs:
        await socket.say(type="audio_chunk", audioData=base64.b64encode(blob).decode())


async def test_a_socket_on_the_root_is_answered_without_a_word_about_the_end(
    bridge: Bridge,
) -> None:
    async with bridge.connect("?sessionId=root", path="/") as socket:
        await say(socket)
        complete = await socket.hear_until("complete")
    assert complete["response"] and complete["transcription"]
    assert {frame["type"] for frame in socket.heard} <= {
        "transcription",
        "response_start",
        "response_chunk",
        "audio_chunk",
        "complete",
    }


async def test_the_root_is_still_the_page(bridge: Bridge) -> None:
    async with bridge.http.get(f"{bridge.url}/") as answer:
        assert answer.status == 200 and answer.content_type == "text/html"


async def test_every_reader_of_a_session_hears_everything(bridge: Bridge) -> None:
    async with (
        bridge.connect("?sessionId=shared", path="/") as socket,
        bridge.connect("?sessionId=shared", path="/") as other,
        event_source(bridge, "shared") as events,
    ):
        await record(bridge, "shared")
        for heard in (socket.hear_until, other.hear_until, events.until):
            await heard("complete")
    assert socket.heard == other.heard == events.heard


async def test_a_socket_talks_and_an_upload_ends_the_turn(bridge: Bridge) -> None:
    async with bridge.connect("?sessionId=both", path="/") as socket:
        await say(socket)
        answered = await upload(bridge, "both", None, is_complete=True)
        assert answered[0] == 200, answered
        await socket.hear_until("complete")
    assert len([f for f in socket.heard if f["type"] == "response_start"]) == 1


async def test_a_voice_slice_that_speaks_after_an_upload_need_not_say_where_its_turn_ends(
    bridge: Bridge,
) -> None:
    async with (
        bridge.connect("?sessionId=after") as socket,
        event_source(bridge, "after") as events,
    ):
        await record(bridge, "after")
        await socket.hear_until("turn_metrics")
        await events.until("complete")
        for blob in BLOBS:
            await socket.say(type="audio_chunk", data=base64.b64encode(blob).decode())
        await socket.hear_until("turn_metrics")
        await events.until("complete")
    assert socket.kinds.count("response_complete") == len(events.of("response_start")) == 2
    assert "error" not in socket.kinds


async def test_11_auth_is_no_error_and_a_bad_frame_costs_nothing(bridge: Bridge) -> None:
    async with bridge.connect("?sessionId=rude", path="/") as socket:
        await socket.say(type="auth", token="t", userId="u")
        await socket.say(type="shout")
        assert (await socket.hear())["message"] == "type: is not known"
        await say(socket)
        await socket.hear_until("complete")


async def test_11_a_wrong_token_closes_the_socket_by_policy(standin: OpenAIStandin) -> None:
    async with (
        open_server(settings_of(standin)) as (address, _),
        bridging(address, auth_tokens=("right",)) as bridge,
        bridge.connect("?sessionId=x&token=wrong", path="/") as socket,
    ):
        assert await socket.closing() == 1008


async def test_a_socket_without_service_is_told_and_closed() -> None:
    async with bridging("127.0.0.1:1") as bridge, bridge.connect(path="/") as socket:
        assert await socket.closing() == 1013
    assert [frame["type"] for frame in socket.heard] == ["error", "complete"]


async def test_an_action_reaches_every_dialect(bridge: Bridge, standin: OpenAIStandin) -> None:
    call = ScriptedCall("changeTheme", '{"theme": "dark"}')
    standin.answers = (Answer("Dark.", tool_calls=(call,)),)
    await record(bridge, "acting", context=CONTEXT)
    async with event_source(bridge, "acting") as events:
        action = await events.until("action")
    async with bridge.connect("?sessionId=acting-too") as socket:
        await socket.say(type="config", settings=SETTINGS, context=CONTEXT)
        await socket.say(type="text", text="make it dark")
        other = await socket.hear_until("setState")  # its context is an object
    for heard in (action, other):
        assert (heard["stateKey"], heard["setterKey"]) == ("screen", "changeTheme")
        assert heard["args"] == [{"theme": "dark"}]
