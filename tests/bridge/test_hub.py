"""Shared sessions: one stream of the service for all that a browser has open."""

import asyncio

import aiohttp
import grpc
import pytest
import structlog

import cedar_voice.v1 as pb
from tests.support.bridge import PATIENCE_S, bridging
from tests.support.http_clients import VOICE, event_source, form, post
from tests.support.scripted_service import (
    Conversation,
    ScriptedService,
    answer,
    converse,
    ready,
    serving,
)

UPLOAD = f"{VOICE}/stream"
WEBM = b"\x1a\x45\xdf\xa3 and so on"


def chunk(session_id: str, audio: bytes = WEBM, **more: str) -> aiohttp.FormData:
    """One upload."""
    return form(**{"audioChunk": audio, "isComplete": "false", "sessionId": session_id, **more})


async def test_a_session_has_one_stream_however_much_is_open() -> None:
    service = ScriptedService()
    async with (
        serving(service) as address,
        bridging(address) as bridge,
        bridge.connect("?sessionId=one", path="/"),
        event_source(bridge, "one"),
        event_source(bridge, "one"),
    ):
        uploads = [post(bridge, UPLOAD, chunk("one")) for _ in range(6)]
        assert {status for status, _ in await asyncio.gather(*uploads)} == {200}
    assert len(service.conversations) == 1
    sequences = [request.sequence for request in service.conversations[0].requests[1:]]
    numbered = [sequence for sequence in sequences if sequence]
    assert numbered == list(range(1, len(numbered) + 1))


async def test_settings_that_stay_the_same_are_said_once() -> None:
    service = ScriptedService()
    async with serving(service) as address, bridging(address) as bridge:
        for language in ("en-US", "en-US", "fr-FR", "fr-FR"):
            settings = f'{{"language":"{language}"}}'
            await post(bridge, UPLOAD, chunk("said", settings=settings))
    said = [
        request.config.settings.language
        for request in service.conversations[0].requests[1:]
        if request.config.HasField("settings")
    ]
    assert said == ["en-US", "fr-FR"]


async def test_settings_of_an_upload_that_is_refused_are_sent_with_the_next_one() -> None:
    service = ScriptedService()
    french = '{"language":"fr-FR"}'
    async with serving(service) as address, bridging(address) as bridge:
        assert (await post(bridge, UPLOAD, chunk("said", b"xx", settings=french)))[0] == 422
        assert (await post(bridge, UPLOAD, chunk("said", settings=french)))[0] == 200
    assert [
        request.config.settings.language
        for request in service.conversations[0].requests[1:]
        if request.config.HasField("settings")
    ] == ["fr-FR"]


async def test_a_stream_that_breaks_is_opened_again_under_an_open_event_stream() -> None:
    is_broken = False

    async def break_once(talk: Conversation) -> None:
        nonlocal is_broken
        if is_broken:
            return await converse(talk)
        is_broken = True
        await talk.open()
        await talk.hear()
        error = pb.Error(code=pb.ERROR_CODE_UNAVAILABLE, message="going", retryable=True)
        return await talk.fail(grpc.StatusCode.UNAVAILABLE, error)

    service = ScriptedService(break_once)
    async with (
        serving(service) as address,
        bridging(address) as bridge,
        event_source(bridge, "hurt") as events,
    ):
        assert (await post(bridge, UPLOAD, chunk("hurt")))[0] == 200
        assert (await post(bridge, UPLOAD, chunk("hurt", isComplete="true")))[0] == 200
        assert (await events.until("complete"))["response"]
        assert not events.of("error")


async def test_a_session_that_cannot_be_held_is_told_before_its_stream_ends() -> None:
    async def refuse(talk: Conversation) -> None:
        await talk.open()
        error = pb.Error(code=pb.ERROR_CODE_SESSION_TAKEN_OVER, message="moved")
        await talk.fail(grpc.StatusCode.ABORTED, error)

    async with (
        serving(ScriptedService(refuse)) as address,
        bridging(address) as bridge,
        event_source(bridge, "moved") as events,
    ):
        assert (await events.until("error"))["message"] == "moved"
        await events.until("complete")
        assert await events.next() is None


async def test_a_session_that_nobody_uses_is_ended() -> None:
    ended = asyncio.Event()

    async def note_the_end(talk: Conversation) -> None:
        await converse(talk)
        ended.set()

    service = ScriptedService(note_the_end)
    async with serving(service) as address, bridging(address, session_idle_ms=100) as bridge:
        await post(bridge, UPLOAD, chunk("idle"))
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()
        assert service.conversations[0].requests[-1].control.HasField("end_session")
        assert (await post(bridge, UPLOAD, chunk("idle")))[0] == 200
        assert len(service.conversations) == 2


@pytest.mark.parametrize(
    "refused",
    [chunk("new", b"xx"), form(isComplete="true", sessionId="new")],
    ids=["middle", "end"],
)
async def test_an_upload_that_is_refused_keeps_no_session(refused: aiohttp.FormData) -> None:
    ended = asyncio.Event()

    async def refuse(talk: Conversation) -> None:
        await talk.open()
        while (request := await talk.hear()) is not None:
            if request.control.HasField("stop_listening"):
                error = pb.Error(code=pb.ERROR_CODE_PROTOCOL_VIOLATION, message="no audio")
                await talk.say(is_numbered=False, error=error)
            if request.HasField("ping"):
                await talk.say(is_numbered=False, pong=pb.Pong())
            if request.control.HasField("end_session"):
                ended.set()
                return

    async with serving(ScriptedService(refuse)) as address, bridging(address) as bridge:
        assert (await post(bridge, UPLOAD, refused))[0] == 422
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()


async def test_tokens_keep_sessions_of_one_name_apart() -> None:
    service = ScriptedService()
    async with serving(service) as address, bridging(address) as bridge:
        for token in ("ada", "ben"):
            headers = {"Authorization": f"Bearer {token}"}
            await post(bridge, UPLOAD, chunk("same"), headers=headers)
    assert [metadata["authorization"] for metadata in service.metadata] == [
        "Bearer ada",
        "Bearer ben",
    ]


# -- sockets beside uploads and event streams ------------------------------------------------------


async def test_a_socket_an_upload_and_an_event_stream_share_one_stream_of_the_service() -> None:
    service = ScriptedService()
    async with (
        serving(service) as address,
        bridging(address) as bridge,
        bridge.connect("?sessionId=one") as cedar,
        bridge.connect("?sessionId=one", path="/") as streaming,
        event_source(bridge, "one") as events,
    ):
        await cedar.hear_until("ready")
        assert (await post(bridge, UPLOAD, chunk("one", isComplete="true")))[0] == 200
        await cedar.say(type="text", text="typed")
        for _ in range(2):
            await cedar.hear_until("turn_metrics")
            await streaming.hear_until("complete")
            await events.until("complete")
    assert len(service.conversations) == 1
    assert streaming.heard == events.heard
    answers = [f"You said {len(WEBM)} bytes", "You said typed"]
    assert [frame["text"] for frame in cedar.heard if "response_complete" in frame["type"]] == (
        answers
    )
    assert [frame["response"] for frame in events.of("complete")] == answers
    assert [frame.get("isLast") for frame in events.of("audio_chunk")] == [False, True] * 2
    assert cedar.kinds.count("audio_chunk") == 4


async def test_a_pong_is_for_who_has_asked() -> None:
    async with (
        serving(ScriptedService()) as address,
        bridging(address) as bridge,
        bridge.connect("?sessionId=one") as cedar,
        event_source(bridge, "one") as events,
    ):
        await cedar.hear_until("ready")
        await cedar.say(type="ping", sentAt=7)
        assert (await cedar.hear_until("pong"))["sentAt"] == 7
        await post(bridge, UPLOAD, chunk("one", isComplete="true"))  # asks for pongs of its own
        await cedar.hear_until("turn_metrics")
        await events.until("complete")
        await cedar.say(type="ping", sentAt=8)
        assert (await cedar.hear_until("pong"))["sentAt"] == 8
    assert cedar.kinds.count("pong") == 2


async def test_the_newest_of_two_voice_slices_goes_on_and_the_rest_stays() -> None:
    async with (
        serving(ScriptedService()) as address,
        bridging(address) as bridge,
        event_source(bridge, "one") as events,
        bridge.connect("?sessionId=one", path="/") as streaming,
        bridge.connect("?sessionId=one") as first,
    ):
        await first.hear_until("ready")
        await first.say(type="text", text="before")
        await first.hear_until("turn_metrics")
        async with bridge.connect("?sessionId=one") as second:
            assert (await second.hear_until("ready"))["resumed"]
            assert await first.closing() == 4409
            assert (first.heard[-1]["code"], first.heard[-1]["fatal"]) == (
                "session_taken_over",
                True,
            )
            await second.say(type="text", text="after")
            await second.hear_until("turn_metrics")
        for _ in range(2):
            await events.until("complete")
            await streaming.hear_until("complete")
    assert "You said before" not in str(second.heard)


async def test_a_socket_that_drops_while_an_upload_goes_on_misses_nothing() -> None:
    async with (
        serving(ScriptedService()) as address,
        bridging(address) as bridge,
        event_source(bridge, "one") as events,
    ):
        async with bridge.connect("?sessionId=one") as cedar:
            await cedar.hear_until("ready")
            await post(bridge, UPLOAD, chunk("one"))
        status, _ = await post(bridge, UPLOAD, chunk("one", isComplete="true"))
        assert status == 200
        await events.until("complete")
        async with bridge.connect("?sessionId=one") as back:
            await back.hear_until("turn_metrics")
    places = [(frame["seq"], frame["type"]) for frame in back.heard if frame.get("seq")]
    assert len(set(places)) == len(places)
    assert [seq for seq, _ in places] == sorted(seq for seq, _ in places)
    assert back.kinds[:2] == ["connected", "ready"] and back.heard[1]["resumed"]
    assert back.kinds.count("response_start") == back.kinds.count("audio_complete") == 1


async def test_a_browser_that_leaves_before_it_is_told_all_is_told_it_when_it_is_back() -> None:
    completed = pb.ResponseCompleted(text="Done.", finish_reason=pb.FINISH_REASON_STOP)
    is_back = asyncio.Event()

    async def answer_late(talk: Conversation) -> None:
        await talk.open()
        started = pb.ResponseStarted(user_text="do it")
        await talk.say(response=pb.ResponseEvent(response_id=1, started=started))
        await talk.say(response=pb.ResponseEvent(response_id=1, completed=completed))
        await talk.say(speech=pb.SpeechActivity(event=pb.SPEECH_EVENT_STARTED))
        await is_back.wait()
        await talk.say(audio=pb.OutputAudio(response_id=1, is_last=True))
        while await talk.hear() is not None:
            pass

    async with serving(ScriptedService(answer_late)) as address, bridging(address) as bridge:
        async with bridge.connect("?sessionId=mine") as socket:
            await socket.hear_until("speech")
        assert "response_complete" not in socket.kinds
        async with bridge.connect("?sessionId=mine") as socket:
            await socket.hear_until("ready")
            is_back.set()
            await socket.hear_until("audio_complete")
    assert socket.kinds == ["connected", "ready", "response_complete", "audio_complete"]


async def flood(talk: Conversation) -> None:
    """Answer every text with much audio, and an interruption with the end of it."""
    await talk.open()
    while (request := await talk.hear()) is not None:
        if request.HasField("text"):
            audio = pb.OutputAudio(response_id=1, data=b"x" * 60_000)
            await talk.say(turn_id=1, audio=audio)
        if request.control.HasField("interrupt"):
            await answer(talk, 1, "that")


FLOOD_CHUNKS = 400
"""More than the buffers of any connection hold."""


async def test_a_reader_that_does_not_read_costs_itself_alone() -> None:
    async with (
        serving(ScriptedService(flood)) as address,
        bridging(address, send_timeout_ms=500, session_history_bytes=1 << 20) as bridge,
        bridge.connect("?sessionId=one", path="/") as speaker,
        bridge.connect("?sessionId=one", max_msg_size=0) as deaf,
        event_source(bridge, "one") as events,
    ):
        await deaf.hear_until("ready")
        for _ in range(FLOOD_CHUNKS):
            await speaker.say(type="text", text="more")
            await speaker.hear_until("audio_chunk")
            await events.until("audio_chunk")
            speaker.heard.clear()
            events.heard.clear()
        await speaker.say(type="interrupt")
        await speaker.hear_until("complete")
        await events.until("complete")
        with pytest.raises((TypeError, TimeoutError, AssertionError)):
            while (await deaf.hear())["type"] != "turn_metrics":
                pass
        assert deaf.kinds.count("audio_chunk") < FLOOD_CHUNKS


async def cut_off(talk: Conversation) -> None:
    """Answer a text with much audio that is cut off, and the next one with a little."""
    await talk.open()
    while (request := await talk.hear()) is not None:
        if request.text.text == "first":
            for _ in range(FLOOD_CHUNKS):
                audio = pb.OutputAudio(response_id=1, data=b"x" * 60_000)
                await talk.say(turn_id=1, audio=audio)
            await talk.say(turn_id=2, audio=pb.OutputAudio(response_id=2, data=b"newer"))
            cut = pb.Interruption(response_id=1, reason=pb.INTERRUPTION_REASON_NEW_INPUT)
            await talk.say(turn_id=1, interruption=cut)
        if request.HasField("text"):
            await answer(talk, 2, request.text.text)


async def test_a_reader_that_lags_is_spared_the_sound_of_an_answer_that_was_cut_off() -> None:
    async with (
        serving(ScriptedService(cut_off)) as address,
        bridging(address, session_history_bytes=1 << 30) as bridge,
        event_source(bridge, "one") as events,
        bridge.connect("?sessionId=one", max_msg_size=0) as deaf,
    ):
        await deaf.hear_until("ready")
        await deaf.say(type="text", text="first")
        await events.until("complete")
        events.heard.clear()
        await deaf.hear_until("turn_metrics")
        heard = [frame["responseId"] for frame in deaf.heard if frame["type"] == "audio_chunk"]
        assert heard.count(1) < FLOOD_CHUNKS
        assert heard.count(2) == 3
        places = [frame["seq"] for frame in deaf.heard if "seq" in frame]
        assert places == sorted(places)


async def test_a_reader_that_takes_nothing_for_a_while_is_told_and_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (
        "browser_socket",
        "event_stream",
    ):  # read, however late
        monkeypatch.setattr(f"cedar_voice_bridge.http.{module}.LAST_SEND_TIMEOUT_S", 2 * PATIENCE_S)
    chunk_count = 0
    async with (
        serving(ScriptedService(flood)) as address,
        bridging(address, send_timeout_ms=500, session_history_bytes=1 << 30) as bridge,
        bridge.connect("?sessionId=one", path="/") as speaker,
        bridge.connect("?sessionId=one", max_msg_size=0) as deaf,
        event_source(bridge, "one") as deaf_events,
    ):
        await deaf.hear_until("ready")
        with structlog.testing.capture_logs() as logs:
            while [entry["event"] for entry in logs].count("browser lags") < 2:
                await speaker.say(type="text", text="more")
                await speaker.hear_until("audio_chunk")
                speaker.heard.clear()
                chunk_count += 1
        assert (await deaf.hear_until("error"))["code"] == "slow_consumer"
        assert await deaf.closing() == 1013
        assert (await deaf_events.until("error"))["code"] == "slow_consumer"
        assert await deaf_events.until("complete")
        for reader in (deaf, deaf_events):
            assert [each["type"] for each in reader.heard].count("audio_chunk") < chunk_count


async def test_a_stream_that_breaks_and_is_mended_is_a_pause_for_every_reader() -> None:
    streams = 0

    async def break_once(talk: Conversation) -> None:
        nonlocal streams
        streams += 1
        if streams == 2:
            return await converse(talk)
        await talk.open()
        await talk.hear()
        error = pb.Error(code=pb.ERROR_CODE_UNAVAILABLE, message="going", retryable=True)
        return await talk.fail(grpc.StatusCode.UNAVAILABLE, error)

    async with (
        serving(ScriptedService(break_once)) as address,
        bridging(address) as bridge,
        bridge.connect("?sessionId=one") as cedar,
        event_source(bridge, "one") as events,
    ):
        await cedar.hear_until("ready")
        await post(bridge, UPLOAD, chunk("one"))
        await post(bridge, UPLOAD, chunk("one", isComplete="true"))
        await cedar.hear_until("turn_metrics")
        await events.until("complete")
    assert "error" not in cedar.kinds and streams == 2


async def test_a_session_that_the_service_has_lost_goes_on_in_another_with_what_was_said() -> None:
    opened: list[pb.SessionConfig] = []

    async def forget(talk: Conversation) -> None:
        request = await talk.hear()
        assert request is not None
        opened.append(request.config)
        resume = request.config.resume
        if request.config.HasField("resume") and not resume.restore:
            error = pb.Error(code=pb.ERROR_CODE_SESSION_NOT_FOUND, message="no such session")
            await talk.fail(grpc.StatusCode.NOT_FOUND, error)
        greeting = ready(request.config)
        greeting.restored, greeting.resumed = len(opened) > 1, False
        await talk.say(is_numbered=False, ready=greeting)
        while (request := await talk.hear()) is not None and not request.HasField("text"):
            pass
        if request is None:
            return
        started = pb.ResponseStarted(user_text="hello")
        await talk.say(turn_id=1, response=pb.ResponseEvent(response_id=1, started=started))
        error = pb.Error(code=pb.ERROR_CODE_UNAVAILABLE, message="going", retryable=True)
        await talk.fail(grpc.StatusCode.UNAVAILABLE, error)

    async with (
        serving(ScriptedService(forget)) as address,
        bridging(address) as bridge,
        bridge.connect("?sessionId=one") as cedar,
    ):
        await cedar.hear_until("ready")
        await cedar.say(type="text", text="hello")
        back = await cedar.hear_until("ready")
        assert back["restored"] and not back["resumed"]
    assert "error" not in cedar.kinds
    assert [item.user.text for item in opened[-1].history] == ["hello"]
    assert opened[-1].session_id == "one"
