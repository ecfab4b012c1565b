"""What cedar-os demands of a server, against the whole backend.

Each requirement was measured on the published package; the tests bear its name.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cedar_voice_service.server import open_server
from tests.support.bridge import Bridge, bridging
from tests.support.hearing import listen
from tests.support.http_clients import (
    CONTEXT,
    SETTINGS,
    VOICE,
    Events,
    form,
    post,
    sent_by_cedar_os,
    streamed,
)
from tests.support.media import recorded
from tests.support.openai_script import INSTANT, Answer, Fault, ScriptedCall, StageName
from tests.support.openai_standin import OpenAIStandin
from tests.support.service import settings_of

SPEECH = recorded("webm").data
STREAMING = {**SETTINGS, "stream": True}
DARK = ScriptedCall("changeTheme", '{"theme": "dark"}')


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


def asked(standin: OpenAIStandin, stage: StageName) -> list[str]:
    """What one stage was asked, as text."""
    return [str(request.body) for request in standin.requests if request.stage == stage]


# -- one answer ------------------------------------------------------------------------------------


async def test_an_answer_has_text_transcription_audio_and_usage(bridge: Bridge) -> None:
    status, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH))
    assert status == 200
    assert "calendar" in answer["transcription"]
    assert answer["text"] == "At three. The room is yours."
    assert answer["audioFormat"] == "mp3"
    assert answer["usage"]["totalTokens"] > 0


async def test_a_recording_longer_than_a_turn_is_understood_and_answered_as_a_whole(
    standin: OpenAIStandin,
) -> None:
    async with (
        open_server(settings_of(standin, max_utterance_ms=1_000)) as (address, _),
        bridging(address) as bridge,
    ):
        _, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH))
    assert answer["transcription"].count("calendar") > 1  # which the stand-in hears in each turn
    assert answer["text"] == "At three. The room is yours."


async def test_the_audio_is_one_whole_mp3_of_the_whole_answer(bridge: Bridge) -> None:
    _, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH))
    sound = base64.b64decode(answer["audioData"])
    assert sound[:2] == b"\xff\xf3"
    heard = listen(sound)
    assert abs(heard.duration_ms - len(answer["text"]) * 1000 / 15) < 150
    assert heard.peak > 1_000


async def test_a_long_answer_does_not_come_at_the_pace_of_its_speech(
    standin: OpenAIStandin,
) -> None:
    standin.answers = (Answer(),)
    async with (
        open_server(settings_of(standin)) as (address, _),
        bridging(address) as bridge,
    ):
        _, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH))  # within PATIENCE_S
    assert listen(base64.b64decode(answer["audioData"])).duration_ms > 15_000


async def test_the_aliases_and_every_base_path_answer(bridge: Bridge) -> None:
    for path in ("/api/voice", "/api/chat/voice-execute"):
        status, _ = await post(bridge, path, sent_by_cedar_os(SPEECH))
        assert status == 200


async def test_raw_audio_and_plain_text_come_only_when_they_are_asked_for(bridge: Bridge) -> None:
    for accept, kind in (
        ("*/*", "application/json"),
        ("audio/mpeg", "audio/mpeg"),
        ("text/plain, */*;q=0.1", "text/plain"),
    ):
        headers = {"Accept": accept}
        data = sent_by_cedar_os(SPEECH)
        async with bridge.http.post(bridge.url + VOICE, data=data, headers=headers) as answer:
            assert answer.content_type == kind
            body = await answer.read()
            if kind == "audio/mpeg":
                assert listen(body).duration_ms > 1_000


async def test_silence_has_no_answer_and_an_empty_transcription(bridge: Bridge) -> None:
    silence = b"RIFF\x24\x7d\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80>\x00\x00"
    silence += b"\x00}\x00\x00\x02\x00\x10\x00data\x00}\x00\x00" + bytes(32_000)
    assert await post(bridge, VOICE, sent_by_cedar_os(silence)) == (
        200,
        {"text": "", "transcription": ""},
    )
    async with streamed(bridge, sent_by_cedar_os(silence, settings=STREAMING)) as events:
        await events.until("done")
    assert len(events.heard) == 1


async def test_an_action_is_an_object_whose_args_are_one_parameter(
    bridge: Bridge, standin: OpenAIStandin
) -> None:
    standin.answers = (Answer("Dark it is.", tool_calls=(DARK,)),)
    _, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH))
    expected = {
        "type": "setState",
        "stateKey": "screen",
        "setterKey": "changeTheme",
        "args": {"theme": "dark"},
    }
    assert answer["object"] == [expected]
    assert "changeTheme" in asked(standin, "llm")[-1]


async def test_a_tool_of_the_application_is_an_object_with_its_arguments(
    bridge: Bridge, standin: OpenAIStandin
) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    tool = {"name": "notify", "description": "Show a note", "argsSchema": schema}
    context = {**CONTEXT, "frontendTools": {"notify": tool}}
    standin.answers = (
        Answer("Noted.", tool_calls=(ScriptedCall("notify", '{"text": "at three"}'),)),
    )
    _, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH, context=context))
    expected = {"type": "frontendTool", "toolName": "notify", "args": {"text": "at three"}}
    assert answer["object"] == [expected]
    data = sent_by_cedar_os(SPEECH, context=context, settings=STREAMING)
    async with streamed(bridge, data) as events:
        done = await events.until("done")
    assert events.of("object") == [{"type": "object", "object": expected}]
    assert done["completedItems"] == ["Noted.", expected]


@pytest.mark.parametrize(
    "call",
    [ScriptedCall("deleteAll", "{}"), ScriptedCall("changeTheme", '{"theme": "pink"}')],
    ids=["not declared", "refused by its schema"],
)
async def test_only_declared_setters_reach_the_client(
    bridge: Bridge, standin: OpenAIStandin, call: ScriptedCall
) -> None:
    standin.answers = (Answer("Done.", tool_calls=(call,)),)
    status, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH))
    assert status == 200 and "object" not in answer
    async with streamed(bridge, sent_by_cedar_os(SPEECH, settings=STREAMING)) as events:
        error = await events.until("error")
        assert await events.next() is None
    assert "the model called" in error["error"]
    assert not events.of("object")


# -- a stream of events ----------------------------------------------------------------------------


def as_cedar_os_reads(events: Events) -> list[dict[str, Any]]:
    """The events that its reader sees: lines that begin with "data: ", one a line."""
    return [json.loads(line[6:]) for line in events.lines if line.startswith("data: ")]


async def test_a_stream_of_events_ends_in_done_and_says_everything_once(bridge: Bridge) -> None:
    async with streamed(bridge, sent_by_cedar_os(SPEECH, settings=STREAMING)) as events:
        assert events.response.content_type == "text/event-stream"
        done = await events.until("done")
        assert await events.next() is None
    heard = as_cedar_os_reads(events)
    assert heard == events.heard
    assert heard[0]["type"] == "transcription"
    assert "".join(event["content"] for event in events.of("chunk")) == done["completedItems"][0]
    assert all("content" not in event for event in events.of("audio"))
    assert len(events.of("audio")) == 2


async def test_streamed_clips_are_whole_and_never_sound_over_each_other(bridge: Bridge) -> None:
    clock = asyncio.get_running_loop().time
    arrivals: list[tuple[float, float]] = []
    asked_s = clock()  # not the first arrival, which a busy machine may notice late
    async with streamed(bridge, sent_by_cedar_os(SPEECH, settings=STREAMING)) as events:
        while (event := await events.next()) is not None:
            if event["type"] == "audio":
                clip = listen(base64.b64decode(event["audioData"]))
                arrivals.append((clock(), clip.duration_ms))
    (_, first_ms), (second_s, _) = arrivals
    assert (second_s - asked_s) * 1000 > first_ms - 60


async def test_a_client_that_wants_finals_only_gets_one_chunk(bridge: Bridge) -> None:
    async with streamed(bridge, sent_by_cedar_os(SPEECH)) as events:
        await events.until("done")
    assert [event["content"] for event in events.of("chunk")] == ["At three. The room is yours."]


# -- settings --------------------------------------------------------------------------------------


async def test_language_voice_and_rate_reach_the_engines(
    bridge: Bridge, standin: OpenAIStandin
) -> None:
    chosen = {**SETTINGS, "language": "fr-FR", "voiceId": "nova", "rate": 1.5}
    await post(bridge, VOICE, sent_by_cedar_os(SPEECH, settings=chosen))
    assert "'fr'" in asked(standin, "stt")[0]
    assert "nova" in asked(standin, "tts")[0] and "1.5" in asked(standin, "tts")[0]


async def test_volume_changes_the_sound(bridge: Bridge) -> None:
    peaks = []
    for volume in (1, 0.25):
        chosen = {**SETTINGS, "volume": volume}
        _, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH, settings=chosen))
        peaks.append(listen(base64.b64decode(answer["audioData"])).peak)
    assert 0.2 < peaks[1] / peaks[0] < 0.3


async def test_pitch_changes_the_sound_and_not_its_length(bridge: Bridge) -> None:
    sounds = []
    for pitch in (1, 1.5):
        chosen = {**SETTINGS, "pitch": pitch}
        _, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH, settings=chosen))
        sounds.append(base64.b64decode(answer["audioData"]))
    level, high = map(listen, sounds)
    assert sounds[0] != sounds[1]
    assert abs(level.duration_ms - high.duration_ms) < 200


async def test_a_browser_that_speaks_itself_gets_no_audio(
    bridge: Bridge, standin: OpenAIStandin
) -> None:
    chosen = {**SETTINGS, "useBrowserTTS": True}
    status, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH, settings=chosen))
    assert status == 200 and answer["text"]
    assert not {"audioData", "audioFormat"} & set(answer)
    assert not asked(standin, "tts")


@pytest.mark.parametrize("context", ["a note", json.dumps(CONTEXT), ""])
async def test_context_may_be_any_string(
    bridge: Bridge, standin: OpenAIStandin, context: str
) -> None:
    status, _ = await post(bridge, VOICE, sent_by_cedar_os(SPEECH, context=context))
    assert status == 200
    assert context[:20].strip("{") in asked(standin, "llm")[0]


# -- sessions --------------------------------------------------------------------------------------


async def test_a_thread_of_a_user_is_one_conversation(
    bridge: Bridge, standin: OpenAIStandin
) -> None:
    for _ in range(2):
        await post(bridge, VOICE, sent_by_cedar_os(SPEECH, resourceId="ada", threadId="t-1"))
    first, second = asked(standin, "llm")
    assert second.count("calendar") > first.count("calendar")


async def test_the_thread_that_everybody_has_is_shared_by_nobody(
    bridge: Bridge, standin: OpenAIStandin
) -> None:
    for _ in range(2):
        await post(bridge, VOICE, sent_by_cedar_os(SPEECH))
    first, second = asked(standin, "llm")
    assert second.count("calendar") == first.count("calendar")


# -- failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"audio": b"not audio at all" * 40}, 422, "unsupported_audio_format"),
        ({"audio": SPEECH[5_000:]}, 422, None),
        ({"audio": SPEECH[:10]}, 422, None),
        ({"audio": b""}, 400, "invalid_message"),
        ({"prompt": "no audio"}, 400, "invalid_message"),
        ({"audio": "not a file"}, 400, "invalid_message"),
        ({"audio": SPEECH, "settings": "{"}, 400, "invalid_config"),
        ({"audio": SPEECH, "settings": {"rate": 20}}, 400, "invalid_config"),
        ({"audio": SPEECH, "settings": {"rate": "fast"}}, 400, "invalid_config"),
    ],
    ids=[
        "garbage",
        "headless",
        "only a header",
        "empty",
        "none",
        "text",
        "no JSON",
        "range",
        "type",
    ],
)
async def test_bad_input_is_named(
    bridge: Bridge, fields: dict[str, Any], status: int, code: str | None
) -> None:
    answered, answer = await post(bridge, VOICE, form(**fields))
    assert answered == status
    assert answer["error"]["message"]
    assert code is None or answer["error"]["code"] == code


@pytest.mark.parametrize(("stage", "status"), [("stt", 502), ("llm", 502)])
async def test_a_failed_answer_is_no_answer(
    bridge: Bridge, standin: OpenAIStandin, stage: StageName, status: int
) -> None:
    standin.faults[stage] = Fault(status=500)
    answered, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH))
    assert answered == status
    assert answer["error"]["code"] == f"{stage}_failed"
    async with streamed(bridge, sent_by_cedar_os(SPEECH, settings=STREAMING)) as events:
        assert (await events.until("error"))["error"]
        assert await events.next() is None
    assert not events.of("done")


async def test_an_answer_without_its_speech_is_still_an_answer(
    bridge: Bridge, standin: OpenAIStandin
) -> None:
    standin.faults["tts"] = Fault(status=500)
    status, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH))
    assert status == 200 and answer["text"] and "audioData" not in answer


async def test_a_service_that_is_away_says_when_to_come_back() -> None:
    async with bridging("127.0.0.1:1") as bridge:
        data = sent_by_cedar_os(SPEECH)
        async with bridge.http.post(bridge.url + VOICE, data=data) as answer:
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
            error = (await answer.json())["error"]
    assert error["code"] == "unavailable" and "127.0.0.1" not in error["message"]
