"""What the package cedar-os demands of a server, and where each demand is shown to be met.

`SHOWN_BY` names, for each of them, the tests that would fail if it were not. What the documents'
clients demand is in `test_seed_faults`; what is shown nowhere else is below.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping

import pytest

from cedar_voice_service.server import open_server
from tests.support.bridge import Bridge, bridging
from tests.support.checkout import ROOT
from tests.support.hearing import listen
from tests.support.http_clients import (
    SETTINGS,
    VOICE,
    form,
    post,
    sent_by_cedar_os,
    streamed,
)
from tests.support.media import recorded
from tests.support.openai_script import INSTANT, Answer
from tests.support.openai_standin import OpenAIStandin
from tests.support.service import settings_of

SPEECH = recorded("webm").data
STREAMING = {**SETTINGS, "stream": True}

SHOWN_BY: Mapping[str, tuple[str, ...]] = {
    # requests
    "the two addresses are the route, and the route with /stream": (
        "test_the_aliases_and_every_base_path_answer",
        "test_a_stream_of_events_ends_in_done_and_says_everything_once",
    ),
    "fields come in the package's order, may be empty, and may be more than are known": (
        "test_fields_that_are_empty_or_unknown_do_no_harm",
    ),
    "a chosen voice, language and rate reach the engines": (
        "test_language_voice_and_rate_reach_the_engines",
    ),
    "volume, pitch and the browser's own speech change the sound": (
        "test_volume_changes_the_sound",
        "test_pitch_changes_the_sound_and_not_its_length",
        "test_a_browser_that_speaks_itself_gets_no_audio",
    ),
    "the context lists what may be called: setters and tools": (
        "test_an_action_is_an_object_whose_args_are_one_parameter",
        "test_a_tool_of_the_application_is_an_object_with_its_arguments",
    ),
    "the context may be a string": ("test_context_may_be_any_string",),
    "the recording is one live WebM without duration": (
        "test_an_answer_has_text_transcription_audio_and_usage",
    ),
    "a key comes as a bearer token, if at all": ("test_a_key_opens_and_a_wrong_one_is_told",),
    # CORS
    "the answer names the origin without a preflight": (
        "test_who_may_ask_and_who_may_bring_credentials",
    ),
    "a preflight needs no token and names authorization": (
        "test_a_preflight_needs_no_token_and_names_authorization",
    ),
    "errors can be read by the page": ("test_errors_can_be_read_by_the_page",),
    # one answer
    "it has text, transcription, audio, format and usage": (
        "test_an_answer_has_text_transcription_audio_and_usage",
    ),
    "audio never comes without its format": ("test_a_whole_answer_without_sound_names_no_format",),
    "raw audio and plain text come only when they are asked for": (
        "test_raw_audio_and_plain_text_come_only_when_they_are_asked_for",
    ),
    "an error never has a status of success, whose body would be spoken": (
        "test_bad_input_is_named",
        "test_a_failed_answer_is_no_answer",
        "test_no_error_page_is_taken_for_an_answer",
    ),
    "there is a transcription, or there is nothing to say": (
        "test_silence_has_no_answer_and_an_empty_transcription",
        "test_nothing_is_answered_before_its_transcription",
    ),
    # a stream of events
    "each event is one line that begins with data and a space": (
        "test_a_stream_of_events_ends_in_done_and_says_everything_once",
        "test_a_streamed_event_is_one_line",
    ),
    "it ends in done or error, and nothing follows": (
        "test_a_stream_of_events_ends_in_done_and_says_everything_once",
        "test_a_failed_answer_is_no_answer",
        "test_a_service_that_is_away_is_told_and_ends_the_wait",
    ),
    "an error is told by a string in error": ("test_a_failed_answer_is_no_answer",),
    "clips do not sound over each other": (
        "test_streamed_clips_are_whole_and_never_sound_over_each_other",
    ),
    "text comes once, in chunks and not with the audio": (
        "test_a_stream_of_events_ends_in_done_and_says_everything_once",
    ),
    "the two posts to one address are told apart by their field": (
        "test_the_field_tells_the_two_posts_apart",
    ),
    # playback
    "every clip is real MP3 that can be decoded": (
        "test_the_audio_is_one_whole_mp3_of_the_whole_answer",
        "test_every_streamed_clip_is_mp3_of_its_own",
    ),
    # actions
    "args are one parameter, and a list stays a list": (
        "test_args_go_over_as_one_parameter",
        "test_a_spoken_command_is_answered_and_changes_the_state",
    ),
    "only what is declared reaches the client, and fits its schema": (
        "test_only_declared_setters_reach_the_client",
    ),
    # the package itself
    "other addresses that it asks are missing without harm": (
        "test_addresses_of_the_typed_chat_are_missing_and_readable",
    ),
    "a tab that is closed in the middle of an answer costs nobody anything": (
        "test_a_tab_that_closes_in_the_middle_stops_its_answer_and_nothing_else",
    ),
}


def test_every_demand_is_shown_somewhere() -> None:
    folders = ("bridge", "cedar_clients", "end_to_end")
    files = (path for folder in folders for path in (ROOT / "tests" / folder).rglob("test_*.py"))
    written = "".join(path.read_text() for path in files)
    for demand, names in SHOWN_BY.items():
        assert all(f"def {name}(" in written for name in names), demand


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


async def test_fields_that_are_empty_or_unknown_do_no_harm(bridge: Bridge) -> None:
    data = sent_by_cedar_os(SPEECH, threadId="", temperature="0.7", modelId={"any": "thing"})
    status, answer = await post(bridge, VOICE, data)
    assert status == 200 and answer["text"]


async def test_no_error_page_is_taken_for_an_answer(bridge: Bridge) -> None:
    for method, path in (("GET", VOICE), ("PUT", VOICE), ("POST", "/"), ("POST", f"{VOICE}/ws")):
        async with bridge.http.request(method, bridge.url + path) as answer:
            assert answer.status >= 400 or path == "/"
    async with bridge.http.post(bridge.url + VOICE, json={"audio": "none"}) as answer:
        assert answer.status == 415 and (await answer.json())["error"]["message"]


async def test_nothing_is_answered_before_its_transcription(bridge: Bridge) -> None:
    async with streamed(bridge, sent_by_cedar_os(SPEECH, settings=STREAMING)) as events:
        first = await events.next()
        await events.until("done")
    assert first is not None and first["type"] == "transcription" and first["transcription"]


async def test_the_field_tells_the_two_posts_apart(bridge: Bridge) -> None:
    path = f"{VOICE}/stream"
    chunk = form(audioChunk=SPEECH, settings=SETTINGS, isComplete="false", sessionId="apart")
    async with bridge.http.post(bridge.url + path, data=chunk) as answer:
        assert answer.content_type == "application/json"
    async with bridge.http.post(bridge.url + path, data=sent_by_cedar_os(SPEECH)) as answer:
        assert answer.content_type == "text/event-stream"


async def test_every_streamed_clip_is_mp3_of_its_own(bridge: Bridge) -> None:
    async with streamed(bridge, sent_by_cedar_os(SPEECH, settings=STREAMING)) as events:
        await events.until("done")
    clips = [base64.b64decode(event["audioData"]) for event in events.of("audio")]
    assert clips and all(clip[0] == 0xFF and clip[1] & 0xE0 == 0xE0 for clip in clips)
    assert all(listen(clip).duration_ms > 0 for clip in clips)


async def test_addresses_of_the_typed_chat_are_missing_and_readable(bridge: Bridge) -> None:
    headers = {"Origin": "http://localhost:3000"}
    for path in ("/api/chat/notifications", "/api/chat", "/api/chat/stream"):
        async with bridge.http.post(bridge.url + path, json={}, headers=headers) as answer:
            assert answer.status == 404
            assert answer.headers["Access-Control-Allow-Origin"] == headers["Origin"]


async def test_a_tab_that_closes_in_the_middle_stops_its_answer_and_nothing_else(
    bridge: Bridge, standin: OpenAIStandin
) -> None:
    standin.answers = (Answer(" ".join(["A long sentence that takes its time."] * 20)),)
    mine = {"resourceId": "ada", "threadId": "t-1"}
    async with streamed(bridge, sent_by_cedar_os(SPEECH, settings=STREAMING, **mine)) as events:
        await events.until("audio")
    standin.answers = (Answer("At three."),)
    async with asyncio.timeout(20):
        _, answer = await post(bridge, VOICE, sent_by_cedar_os(SPEECH, **mine))
        status, _ = await post(bridge, VOICE, sent_by_cedar_os(SPEECH))
    assert answer["text"] == "At three." and status == 200
    history = next(r for r in reversed(standin.requests) if r.stage == "llm")
    assert json.dumps(history.body, default=str).count("A long sentence") < 20
