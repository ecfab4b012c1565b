"""The code of the WebSocket document, as it is given there, against the bridge."""

import json
from typing import Any

import pytest
from playwright.async_api import Error, Page, WebSocket

from cedar_voice_service.server import open_server
from tests.support.bridge import Bridge, bridging
from tests.support.cedar_clients import Frontends, clips_played, until_said
from tests.support.service import LOCAL, settings

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
]

PAGE = "surroundings/seeds.html"


async def install_slice(page: Page, endpoint: str, revision: str = "websocket") -> None:
    """Install the slice of a revision of the document over the application's store."""
    await page.wait_for_selector("html[data-ready]")
    await page.evaluate(
        """async ([endpoint, revision]) => {
            const { createWebSocketVoiceSlice } = await given(`${revision}/voice_slice`);
            extendStore(createWebSocketVoiceSlice);
            voice.setVoiceEndpoint(endpoint);
        }""",
        [endpoint, revision],
    )


async def test_the_component_talks_twice_and_an_action_changes_the_state(
    bridge: Bridge, frontends: Frontends
) -> None:
    async with frontends.page(PAGE, saying="show_the_report") as page:
        await install_slice(page, "")
        await page.evaluate(
            """async () => {
                const { WebSocketVoiceChat } = await given('websocket/websocket_voice_chat');
                mount(WebSocketVoiceChat);
            }"""
        )
        await page.get_by_role("button", name="Connect").click()
        await page.get_by_text("Status: connected").wait_for()
        for turn in (1, 2):
            # An application asks for the microphone first: the slice reads the stream too early.
            await page.evaluate("voice.audioStream?.getTracks().forEach((track) => track.stop())")
            await page.evaluate("voice.requestVoicePermission()")
            await page.get_by_role("button", name="Start Listening").click()
            await until_said(page, "show_the_report")
            await page.get_by_role("button", name="Stop Listening").click()
            await page.wait_for_function(f"voice.messages.length === {2 * turn}")
            await page.wait_for_function("!voice.isSpeaking")
            await clips_played(page)
        messages = await page.evaluate("voice.messages")
        assert [message["role"] for message in messages] == ["user", "assistant"] * 2
        for message in messages[::2]:
            assert {"show", "report"} <= set(message["content"].split())
        assert await page.evaluate("voice.voiceError") is None
        assert await page.evaluate("voice.partialTranscription")
        assert await clips_played(page) >= 2
        assert await page.evaluate("voice.page") == "report"


@pytest.mark.parametrize("revision", ["websocket", "websocket_current"])
async def test_an_action_changes_the_store_of_both_revisions(
    bridge: Bridge, frontends: Frontends, revision: str
) -> None:
    async with frontends.page(PAGE, saying="show_the_report") as page:
        await install_slice(page, f"{bridge.url}/api/chat/voice", revision)
        await page.evaluate("voice.connectWebSocket()")
        await page.wait_for_function("voice.connectionStatus === 'connected'")
        await page.evaluate("voice.requestVoicePermission()")
        await page.evaluate("voice.startListening()")
        await page.wait_for_function("voice.page === 'report'")
        assert await page.evaluate("voice.voiceError") is None


async def test_the_slice_is_answered_while_its_microphone_stays_open(
    bridge: Bridge, frontends: Frontends
) -> None:
    async with frontends.page(PAGE, saying="weather_in_london") as page:
        await install_slice(page, f"{bridge.url}/api/chat/voice")
        await page.evaluate("voice.connectWebSocket()")
        await page.wait_for_function("voice.connectionStatus === 'connected'")
        await page.evaluate("voice.requestVoicePermission()")
        await page.evaluate("voice.startListening()")
        await page.wait_for_function("voice.messages.length === 2")
        await page.wait_for_function("!voice.isSpeaking")
        assert await page.evaluate("voice.isListening")
        user, assistant = await page.evaluate("voice.messages.map(({ content }) => content)")
        assert {"weather", "london"} <= set(user.split())
        assert assistant == await page.evaluate("voice.partialResponse")
        assert await clips_played(page)


async def test_the_tester_passes_up_to_the_test_that_it_does_not_have(
    frontends: Frontends,
) -> None:
    async with frontends.page(PAGE) as page:
        await page.wait_for_selector("html[data-ready]")
        results = await page.evaluate(
            """async () => {
                const { VoiceWebSocketTester } = await given(
                    'websocket/websocket_tester', 'VoiceWebSocketTester');
                const tester = new VoiceWebSocketTester();
                await tester.testConnection();
                await tester.testAudioStreaming();
                return tester.testResults;
            }"""
        )
        with pytest.raises(Error, match="testErrorHandling is not a function"):
            await page.evaluate(
                "given('websocket/websocket_tester websocket/websocket_tester_usage')"
            )
    assert [(result["test"], result["status"]) for result in results] == [
        ("connection", "passed"),
        ("audio_streaming", "passed"),
    ]


async def test_the_resilient_connection_comes_back_to_its_session(
    bridge: Bridge, frontends: Frontends
) -> None:
    url = f"ws://{bridge.address}/api/voice/ws?sessionId=resilient"
    async with frontends.page(PAGE, saying="close_the_window") as page:
        heard: list[dict[str, Any]] = []

        def listen(socket: WebSocket) -> None:
            socket.on("framereceived", lambda frame: heard.append(json.loads(frame)))

        page.on("websocket", listen)
        await page.wait_for_selector("html[data-ready]")
        await page.evaluate(
            """async (url) => {
                const { ResilientWebSocketConnection } = await given(
                    'websocket/resilient_connection', 'ResilientWebSocketConnection');
                const hear = (until) => new Promise((resolve) => connection.onMessage(
                    (event) => event.type === until && resolve()));
                const pieces = await recordPieces(2000);
                const connection = new ResilientWebSocketConnection(url);
                await connection.connect();
                connection.send({ type: 'config', settings: {}, context: '{}' });
                await hear('ready');
                connection.close();
                // Queued now, and the first that it sends when it is back.
                for (const piece of pieces) {
                    connection.send({ type: 'audio_chunk', data: await base64(piece) });
                }
                const closed = connection.ws;
                while (connection.ws === closed) await new Promise(requestAnimationFrame);
                await hear('audio_complete');
            }""",
            url,
        )
    readies = [event["resumed"] for event in heard if event["type"] == "ready"]
    assert readies[0] is False and True in readies
    (final,) = [event["text"] for event in heard if event["type"] == "transcription_final"]
    assert {"close", "window"} <= set(final.split())
    assert not [event for event in heard if event["type"] == "error"]


async def test_connect_with_auth_is_let_in_by_its_token_alone(frontends: Frontends) -> None:
    guard = {"auth_tokens": ("let-me-in",)}
    async with (
        open_server(settings(**LOCAL, **guard)) as (address, _),
        bridging(address, **guard) as bridge,
        frontends.page(PAGE) as page,
    ):
        await page.wait_for_selector("html[data-ready]")
        outcomes = await page.evaluate(
            """async (endpoint) => {
                Object.assign(globalThis, {
                    voiceEndpoint: endpoint, sessionId: 'mine', getCurrentUserId: () => 'user-1' });
                const { connectWithAuth } = await given(
                    'websocket/connect_with_auth', 'connectWithAuth');
                const outcome = async (token) => {
                    const socket = await madeBy(() => connectWithAuth(token), 'WebSocket');
                    return new Promise((resolve) => {
                        socket.onmessage = ({ data }) => resolve(JSON.parse(data).type);
                        socket.onclose = ({ code }) => resolve(code);
                    });
                };
                return [await outcome('let-me-in'), await outcome('guessed')];
            }""",
            f"ws://{bridge.address}/api/voice",
        )
    assert outcomes == ["connected", 1008]


async def test_the_activity_detector_starts_and_ends_a_turn(
    bridge: Bridge, frontends: Frontends
) -> None:
    async with frontends.page(PAGE, saying="close_the_window") as page:
        await install_slice(page, f"{bridge.url}/api/voice")
        await page.evaluate("voice.connectWebSocket()")
        await page.wait_for_function("voice.connectionStatus === 'connected'")
        await page.evaluate("voice.requestVoicePermission()")
        await page.evaluate(
            """async () => {
                const { VoiceActivityDetector } = await given(
                    'websocket/voice_activity_detector', 'VoiceActivityDetector');
                const detector = new VoiceActivityDetector(voice.audioStream);
                detector.setSilenceTimeout(1000);
                // It reports speech with every frame of the screen: who records once has a guard.
                detector.startDetection(
                    () => voice.isListening || voice.startListening(),
                    () => voice.stopListening());
            }"""
        )
        await page.wait_for_function("voice.isListening")
        await page.wait_for_function("!voice.isListening")
        await page.wait_for_function("voice.messages.length === 2")
        assert await page.evaluate("voice.voiceError") is None
        assert "window" in await page.evaluate("voice.messages[0].content")


async def test_recorders_that_all_talk_at_once_harm_nobody(frontends: Frontends) -> None:
    async with (
        open_server(settings(**LOCAL)) as (address, _),
        bridging(address) as bridge,
        frontends.page(PAGE, saying="close_the_window") as page,
    ):
        await install_slice(page, f"{bridge.url}/api/voice")
        await page.evaluate("voice.connectWebSocket()")
        await page.wait_for_function("voice.connectionStatus === 'connected'")
        await page.evaluate("voice.requestVoicePermission()")
        # As given, the detector starts one more recorder with every frame of the screen.
        await page.evaluate(
            """async () => {
                globalThis.audioStream = voice.audioStream;
                globalThis.recorders = new Set();
                cedarStore.subscribe(({ mediaRecorder }) => recorders.add(mediaRecorder));
                await given('websocket/voice_activity_detector '
                    + 'websocket/voice_activity_detector_usage');
            }"""
        )
        await page.wait_for_function("recorders.size > 20")
        async with bridge.connect() as socket:
            await socket.hear_until("ready")
        assert await page.evaluate("voice.connectionStatus") == "connected"


async def test_the_monitor_measures_a_connection_and_a_transcription(
    bridge: Bridge, frontends: Frontends
) -> None:
    async with frontends.page(PAGE, saying="close_the_window") as page:
        await install_slice(page, f"{bridge.url}/api/voice")
        metrics = await page.evaluate(
            """async () => {
                const pieces = await recordPieces(2000);
                const until = async (holds) => {
                    while (!holds()) await new Promise(requestAnimationFrame);
                };
                globalThis.connectWebSocket = async () => {
                    await voice.connectWebSocket();
                    await until(() => voice.connectionStatus === 'connected');
                };
                globalThis.transcribeAudio = async () => {
                    for (const piece of pieces) voice.sendAudioChunk(piece);
                    await until(() => voice.messages.length || voice.voiceError);
                    return voice.messages[0]?.content;
                };
                const { monitor } = await given(
                    'websocket/performance_monitor websocket/performance_monitor_usage', 'monitor');
                return monitor.getMetrics();
            }"""
        )
        assert await page.evaluate("voice.voiceError") is None
    assert metrics["connectionLatency"] > 0
    assert metrics["transcriptionLatency"] > 0
    assert metrics["errorRate"] == 0
