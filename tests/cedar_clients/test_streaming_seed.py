"""The code of the streaming document, as it is given there, against the bridge."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page

from tests.support.bridge import Bridge
from tests.support.cedar_clients import Frontends, clips_played, until_said

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
]

PAGE = "surroundings/seeds.html"


@asynccontextmanager
async def application(
    bridge: Bridge, frontends: Frontends, session_id: str, saying: str = "close_the_window"
) -> AsyncIterator[Page]:
    """A page with what the document's code finds around it."""
    async with frontends.page(PAGE, saying=saying) as page:
        await page.wait_for_selector("html[data-ready]")
        await page.evaluate(
            """([endpoint, sessionId]) => {
                voice.setVoiceEndpoint(endpoint);
                globalThis.sessionId = sessionId;
                show('transcription', '');
                show('partialTranscription', '');
                show('isProcessing', null);
                show('partialResponse', '');
            }""",
            [f"{bridge.url}/api/chat/voice", session_id],
        )
        yield page


async def heard_by_event_source(page: Page) -> None:
    """Wait until the document's reader has seen its turn to the end, and check what it shows."""
    await page.wait_for_function("shown.isProcessing === false")
    assert {"close", "window"} <= set((await page.evaluate("shown.transcription")).split())
    assert await page.evaluate("shown.partialResponse")
    assert await clips_played(page)


# -- chunk upload ----------------------------------------------------------------------------------

START_STREAMING = """async () => {
    await voice.requestVoicePermission();
    const { StreamingVoiceChat } = await given(
        'streaming/streaming_voice_chat', 'StreamingVoiceChat');
    mount(StreamingVoiceChat);
    while (!document.querySelector('button')) await new Promise(requestAnimationFrame);
    globalThis.answers = noteAnswers();
    globalThis.recorder = await madeBy(
        () => document.querySelector('button').click(), 'MediaRecorder');
}"""
STOP_STREAMING = """async () => {
    const stopped = new Promise((resolve) => (recorder.onstop = resolve));
    for (const track of voice.audioStream.getTracks()) track.stop();
    await stopped;
    return Promise.all(answers);
}"""


async def test_the_component_is_told_that_it_names_no_session(
    bridge: Bridge, frontends: Frontends
) -> None:
    async with application(bridge, frontends, "unnamed") as page:
        await page.evaluate(START_STREAMING)
        await page.wait_for_function("answers.length > 2")
        answers = await page.evaluate(STOP_STREAMING)
        assert {answer["status"] for answer in answers} == {400}
        assert answers[0]["body"] == {"error": "Session ID required"}
        assert await page.evaluate("shown.partialTranscription") == ""


async def test_the_component_with_a_session_shows_what_is_being_said(
    bridge: Bridge, frontends: Frontends
) -> None:
    async with application(bridge, frontends, "component") as page:
        await page.evaluate(
            """() => {
                globalThis.FormData = class extends FormData {
                    constructor() { super(); this.append('sessionId', sessionId); }
                };
            }"""
        )
        await page.evaluate(
            """async () => {
                const { handleStreamingResponse } = await given(
                    'streaming/server_sent_events', 'handleStreamingResponse');
                handleStreamingResponse();
            }"""
        )
        await page.evaluate(START_STREAMING)
        # It learns of a partial from the answer to its next piece, so it goes on sending.
        await page.locator(".partial-transcription").wait_for()
        await until_said(page, "close_the_window")
        answers = await page.evaluate(STOP_STREAMING)
        assert {answer["status"] for answer in answers} == {200}
        assert (await page.evaluate("upload(sessionId, null, true)"))["status"] == 200
        await heard_by_event_source(page)


async def test_events_wait_for_the_reader_that_comes_after_the_upload(
    bridge: Bridge, frontends: Frontends
) -> None:
    async with application(bridge, frontends, "early") as page:
        bits_per_second = await page.evaluate(
            """async () => {
                const { adaptiveRecorder } = await given(
                    'streaming/adaptive_recorder', 'adaptiveRecorder');
                let recorder;
                const pieces = await recordPieces(
                    2000, (stream) => (recorder = adaptiveRecorder(stream)));
                const last = pieces.pop();
                for (const piece of pieces) await upload(sessionId, piece);
                await upload(sessionId, last, true);
                const { handleStreamingResponse } = await given(
                    'streaming/server_sent_events', 'handleStreamingResponse');
                handleStreamingResponse();
                return recorder.audioBitsPerSecond;
            }"""
        )
        assert bits_per_second == 128_000
        await heard_by_event_source(page)


async def test_a_buffer_that_lost_the_header_is_refused_as_unreadable(
    bridge: Bridge, frontends: Frontends
) -> None:
    async with application(bridge, frontends, "unused") as page:
        statuses = await page.evaluate(
            """async () => {
                const { AudioStreamBuffer } = await given(
                    'streaming/audio_stream_buffer', 'AudioStreamBuffer');
                // However few pieces a busy browser made of it, it is more than the buffer holds.
                const whole = new Blob(await recordPieces(2400));
                const size = Math.ceil(whole.size / 12);
                const pieces = Array.from(
                    { length: 12 }, (_, index) => whole.slice(index * size, (index + 1) * size));
                const buffered = async (count) => {
                    const buffer = new AudioStreamBuffer();
                    for (const piece of pieces.slice(0, count)) buffer.addChunk(piece);
                    const { status } = await upload(
                        `buffer-of-${count}`, buffer.getCombinedAudio(), true);
                    return status;
                };
                return [await buffered(10), await buffered(pieces.length)];
            }"""
        )
        assert statuses == [200, 422]


# -- WebSocket -------------------------------------------------------------------------------------


async def test_the_streaming_client_and_an_event_source_hear_the_same_turn(
    bridge: Bridge, frontends: Frontends
) -> None:
    async with application(bridge, frontends, "both") as page:
        heard = await page.evaluate(
            """async () => {
                const pieces = await recordPieces(2000);
                const { StreamingVoiceClient } = await given(
                    'streaming/streaming_voice_client', 'StreamingVoiceClient');
                const client = new StreamingVoiceClient();
                const socket = await madeBy(
                    () => client.connectWithRetry(sessionId), 'WebSocket');
                const heard = [];
                const complete = new Promise((resolve) => {
                    socket.onmessage = ({ data }) => {
                        const event = JSON.parse(data);
                        heard.push(event);
                        if (event.type === 'complete') resolve();
                    };
                });
                await new Promise((resolve) => socket.addEventListener('open', resolve));
                const { handleStreamingResponse } = await given(
                    'streaming/server_sent_events', 'handleStreamingResponse');
                handleStreamingResponse();
                for (const piece of pieces) {
                    const audioData = await base64(piece);
                    socket.send(JSON.stringify({ type: 'audio_chunk', audioData }));
                }
                await upload(sessionId, null, true);
                await complete;
                return heard;
            }"""
        )
        await heard_by_event_source(page)
    (final,) = [e["text"] for e in heard if e["type"] == "transcription" and not e["isPartial"]]
    (start,) = [event for event in heard if event["type"] == "response_start"]
    (complete,) = [event for event in heard if event["type"] == "complete"]
    assert start["transcription"] == complete["transcription"] == final
    chunks = [event["text"] for event in heard if event["type"] == "response_chunk"]
    assert complete["response"] == "".join(chunks)
    last = [event["isLast"] for event in heard if event["type"] == "audio_chunk"]
    assert last == [False] * (len(last) - 1) + [True]


# -- load and latency ------------------------------------------------------------------------------


async def test_the_load_test_completes_its_ten_sessions(
    bridge: Bridge, frontends: Frontends
) -> None:
    async with application(bridge, frontends, "unused") as page:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        pieces, answers = await page.evaluate(
            """async () => {
                const pieces = await recordPieces(1000);
                const answers = [];
                globalThis.generateTestAudioChunks = () => pieces;
                globalThis.streamAudioChunk = async (sessionId, piece) => {
                    answers.push(await upload(sessionId, piece));
                };
                const { loadTestStreaming } = await given(
                    'streaming/load_test', 'loadTestStreaming');
                await loadTestStreaming();
                return [pieces.length, answers];
            }"""
        )
        assert {f"Session {index} completed successfully" for index in range(10)} == set(said)
        assert [answer["status"] for answer in answers] == [200] * 10 * pieces
        assert all("partialTranscription" in answer for answer in answers)


async def test_the_tracker_measures_a_transcription(bridge: Bridge, frontends: Frontends) -> None:
    async with application(bridge, frontends, "tracker") as page:
        latencies = await page.evaluate(
            """async () => {
                const pieces = await recordPieces(1000);
                globalThis.audioChunk = new Blob(pieces);
                globalThis.transcribeAudio = async (audio) =>
                    (await upload(sessionId, audio)).partialTranscription;
                const { transcriptionLatency, totalLatency } = await given(
                    'streaming/latency_tracker streaming/latency_tracker_usage',
                    'transcriptionLatency', 'totalLatency');
                return [transcriptionLatency, totalLatency];
            }"""
        )
        assert latencies[0] > 0 and latencies[1] >= 0
