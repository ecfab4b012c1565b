"""Bad input on every surface gets its documented answer, and the next good request is served.

The tables are lists of (name, input, answer). All inputs of a surface go to one server, one after
the other, so that a bad one with a lasting effect fails the good one after it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

import grpc
import pytest

import cedar_voice.v1 as pb
from cedar_voice_client import SessionClosed, VoiceClient, VoiceClientError, VoiceStream
from cedar_voice_client.errors import error_from_proto
from cedar_voice_service.server import open_server
from tests.support.bridge import PATIENCE_S, Bridge, Socket, bridging
from tests.support.http_clients import VOICE, form
from tests.support.identities import AUDIENCE, KEY, signed
from tests.support.openai_script import INSTANT, Answer
from tests.support.openai_standin import OpenAIStandin
from tests.support.recordings import speech_path
from tests.support.service import settings_of

Request: TypeAlias = pb.VoiceSessionRequest
Config: TypeAlias = pb.SessionConfig
Control: TypeAlias = pb.Control
NAN, INFINITY = float("nan"), float("inf")
GOOD_EVERY = 6
"""Number of bad requests before each good one."""

DEEP = "[" * 50_000
ELSEWHERE = "http://127.0.0.1/schema.json"
WAV = speech_path().read_bytes()


def settings_with(**fields: Any) -> Config:
    """Return a configuration with these settings."""
    return Config(settings=pb.VoiceSettings(**fields))


def tool(**fields: Any) -> Config:
    """Return a configuration with this tool."""
    return Config(tools=pb.ToolSet(tools=[pb.ToolDefinition(**fields)]))


def tools(*names: str) -> Config:
    """Return a configuration with tools of these names."""
    return Config(tools=pb.ToolSet(tools=[pb.ToolDefinition(name=name) for name in names]))


def pcm(**fields: int) -> pb.AudioFormat:
    """Return a format of raw samples."""
    return pb.AudioFormat(encoding=pb.AUDIO_ENCODING_PCM_S16LE, **fields)


def history(**fields: Any) -> Config:
    """Return a configuration with a history of one item."""
    return Config(history=[pb.ConversationItem(**fields)])


CONFIGS: list[tuple[str, Config, str]] = [
    ("rate above its bounds", settings_with(rate=9), "INVALID_CONFIG"),
    ("rate is no number", settings_with(rate=NAN), "INVALID_CONFIG"),
    ("pitch is infinite", settings_with(pitch=INFINITY), "INVALID_CONFIG"),
    ("volume below its bounds", settings_with(volume=-1), "INVALID_CONFIG"),
    (
        "a temperature of no number",
        Config(pipeline=pb.PipelineConfig(temperature=NAN)),
        "INVALID_CONFIG",
    ),
    ("context is no JSON", Config(context_json="{not json"), "INVALID_CONFIG"),
    ("context is too deep", Config(context_json=DEEP), "INVALID_CONFIG"),
    ("context is too long", Config(context_json=json.dumps("x" * 300_000)), "MESSAGE_TOO_LARGE"),
    ("a tool without a name", tool(), "INVALID_CONFIG"),
    ("a tool with a name of two words", tool(name="a b"), "INVALID_CONFIG"),
    (
        "a tool with a schema that is none",
        tool(name="a", parameters_json_schema='{"type": 5}'),
        "INVALID_CONFIG",
    ),
    (
        "PCM without a rate",
        Config(input_audio=pcm()),
        "UNSUPPORTED_AUDIO_FORMAT",
    ),
    (
        "PCM of a rate beyond any",
        Config(input_audio=pcm(sample_rate_hz=4_000_000_000)),
        "UNSUPPORTED_AUDIO_FORMAT",
    ),
    (
        "PCM of a hundred channels",
        Config(input_audio=pcm(sample_rate_hz=16_000, channel_count=100)),
        "UNSUPPORTED_AUDIO_FORMAT",
    ),
    (
        "answers at a rate of one",
        Config(output_audio=pb.OutputAudioConfig(format=pcm(sample_rate_hz=1))),
        "UNSUPPORTED_AUDIO_FORMAT",
    ),
    ("a language that is too long", settings_with(language="x" * 300), "INVALID_CONFIG"),
    ("a language that rings", settings_with(language="en\x07"), "INVALID_CONFIG"),
    ("a voice that is too long", settings_with(voice_id="x" * 300), "INVALID_CONFIG"),
    (
        "a prompt that is too long",
        Config(pipeline=pb.PipelineConfig(system_prompt="x" * 300_000)),
        "MESSAGE_TOO_LARGE",
    ),
    ("no tokens", Config(pipeline=pb.PipelineConfig(max_output_tokens=0)), "INVALID_CONFIG"),
    ("too hot", Config(pipeline=pb.PipelineConfig(temperature=9)), "INVALID_CONFIG"),
    (
        "a threshold of no number",
        Config(turn_detection=pb.TurnDetection(threshold=NAN)),
        "INVALID_CONFIG",
    ),
    ("two tools of one name", tools("a", "a"), "INVALID_CONFIG"),
    ("too many tools", tools(*(f"tool{number}" for number in range(65))), "INVALID_CONFIG"),
    ("a schema that is too deep", tool(name="a", parameters_json_schema=DEEP), "INVALID_CONFIG"),
    (
        "a schema that is elsewhere",
        tool(name="a", parameters_json_schema=json.dumps({"type": "object", "$ref": ELSEWHERE})),
        "INVALID_CONFIG",
    ),
    (
        "silence of a millisecond",
        Config(turn_detection=pb.TurnDetection(silence_duration_ms=1)),
        "INVALID_CONFIG",
    ),
]

FIRST: list[tuple[str, Request, str]] = [
    *((what, Request(config=config), code) for what, config, code in CONFIGS),
    (
        "a session in place of one that cannot be",
        Request(config=Config(resume=pb.ResumeRequest(resume_token="x", restore=True))),
        "INVALID_CONFIG",
    ),
    ("an item of a past that is none", Request(config=history()), "INVALID_CONFIG"),
    (
        "an outcome of nothing",
        Request(config=history(tool_outcome=pb.ToolOutcomeItem(call_id="a", output_json="1"))),
        "INVALID_CONFIG",
    ),
    ("a probe", Request(ping=pb.Ping()), "PROTOCOL_VIOLATION"),
    ("a token", Request(token_renewal=pb.TokenRenewal(token="x")), "PROTOCOL_VIOLATION"),
    ("no configuration", Request(text=pb.TextInput(text="hello")), "PROTOCOL_VIOLATION"),
    ("nothing", Request(), "PROTOCOL_VIOLATION"),
    ("a name of two words", Request(config=Config(session_id="a b")), "INVALID_CONFIG"),
    ("a name that is too long", Request(config=Config(session_id="a" * 65)), "INVALID_CONFIG"),
    (
        "a resume of nobody",
        Request(config=Config(resume=pb.ResumeRequest(resume_token="x"))),
        "SESSION_NOT_FOUND",
    ),
    (
        "a resume without a secret",
        Request(config=Config(resume=pb.ResumeRequest())),
        "SESSION_NOT_FOUND",
    ),
]

LATER: list[tuple[str, Request, str]] = [
    *((what, Request(config=config), code) for what, config, code in CONFIGS),
    (
        "a name for a session that has one",
        Request(config=Config(session_id="late")),
        "PROTOCOL_VIOLATION",
    ),
    ("a past, late", Request(config=history(user=pb.UserItem(text="x"))), "PROTOCOL_VIOLATION"),
    (
        "a resume of a session that is open",
        Request(config=Config(resume=pb.ResumeRequest(resume_token="x"))),
        "PROTOCOL_VIOLATION",
    ),
    (
        "an end of nothing",
        Request(control=Control(stop_listening=pb.StopListening())),
        "PROTOCOL_VIOLATION",
    ),
    ("no audio", Request(audio=pb.InputAudio()), "INVALID_MESSAGE"),
    ("too much audio", Request(audio=pb.InputAudio(data=bytes(300 << 10))), "MESSAGE_TOO_LARGE"),
    ("a blank text", Request(text=pb.TextInput(text="  ")), "INVALID_MESSAGE"),
    ("a text that is too long", Request(text=pb.TextInput(text="x" * 5_000)), "MESSAGE_TOO_LARGE"),
    ("nothing to say", Request(control=Control(say=pb.Say())), "INVALID_MESSAGE"),
    (
        "too much to say",
        Request(control=Control(say=pb.Say(text="x" * 5_000))),
        "MESSAGE_TOO_LARGE",
    ),
    (
        "long instructions",
        Request(control=Control(create_response=pb.CreateResponse(instructions="x" * 5_000))),
        "MESSAGE_TOO_LARGE",
    ),
]

AUDIO: list[tuple[str, bytes, str]] = [
    ("noise", bytes(range(1, 256)) * 40, "UNSUPPORTED_AUDIO_FORMAT"),
    (
        "a session description",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n" * 8,
        "UNSUPPORTED_AUDIO_FORMAT",
    ),
    ("a playlist", b"#EXTM3U\nhttp://127.0.0.1/x.ts\n" * 20, "UNSUPPORTED_AUDIO_FORMAT"),
    ("a page", b"<!doctype html><title>hello</title>" * 10, "UNSUPPORTED_AUDIO_FORMAT"),
    ("WebM of noise", b"\x1a\x45\xdf\xa3" + bytes([0xFF]) * 4_000, "AUDIO_DECODE_FAILED"),
    (
        "Ogg of noise, in which no page begins",
        b"OggS" + bytes([0xFF]) * 4_000,
        "PROTOCOL_VIOLATION",
    ),
    ("WAV of a thousand channels", WAV[:22] + b"\xe8\x03" + WAV[24:], "UNSUPPORTED_AUDIO_FORMAT"),
    ("FLAC of noise", b"fLaC" + bytes([0xFF]) * 4_000, "AUDIO_DECODE_FAILED"),
    ("MP4 of noise", b"\0\0\0\x18ftypisom" + bytes([0xFF]) * 4_000, "AUDIO_DECODE_FAILED"),
]

UNARY: list[tuple[str, str, bytes, grpc.StatusCode]] = [
    ("no session", "GetSession", b"", grpc.StatusCode.NOT_FOUND),
    (
        "a session of nobody",
        "GetSession",
        pb.GetSessionRequest(session_id="nobody").SerializeToString(),
        grpc.StatusCode.NOT_FOUND,
    ),
    (
        "a name of two words",
        "DeleteSession",
        pb.DeleteSessionRequest(session_id="a b", resume_token="x").SerializeToString(),
        grpc.StatusCode.NOT_FOUND,
    ),
    ("noise", "GetSession", b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
    ("noise", "DeleteSession", b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
    ("noise", "GetServiceInfo", b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
    ("half a character", "GetSession", b"\x0a\x01\xff", grpc.StatusCode.INVALID_ARGUMENT),
    ("no such call", "GetEverything", b"", grpc.StatusCode.UNIMPLEMENTED),
]

CEDAR_FRAMES: list[tuple[str, str, str]] = [
    ("no JSON", "{", "invalid_message"),
    ("nothing", "", "invalid_message"),
    ("too deep", DEEP, "invalid_message"),
    ("a list", "[]", "invalid_message"),
    ("null", "null", "invalid_message"),
    ("no type", "{}", "invalid_message"),
    ("an unknown type", '{"type":"drop_tables"}', "invalid_message"),
    ("a type that is a number", '{"type":7}', "invalid_message"),
    ("no text", '{"type":"text"}', "invalid_message"),
    ("a text that is a number", '{"type":"text","text":7}', "invalid_message"),
    ("a blank text", '{"type":"text","text":" "}', "invalid_message"),
    ("half a character", '{"type":"text","text":"\\ud800"}', "invalid_message"),
    ("a rate of NaN", '{"type":"config","settings":{"rate":NaN}}', "invalid_message"),
    ("a rate beyond numbers", '{"type":"config","settings":{"rate":1e999}}', "invalid_config"),
    ("a rate above its bounds", '{"type":"config","settings":{"rate":9}}', "invalid_config"),
    ("a huge number", '{"type":"ping","sentAt":%s}' % ("9" * 400), "invalid_message"),
    ("audio that is no base64", '{"type":"audio_chunk","data":"!!!"}', "invalid_message"),
    ("audio without data", '{"type":"audio_chunk"}', "invalid_message"),
    ("too long", '{"type":"text","text":"%s"}' % ("x" * (1 << 20)), "message_too_large"),
    ("two frames", '{"type":"ping","sentAt":1}{"type":"ping"}', "invalid_message"),
    ("two types", '{"type":"text","type":"drop","text":"a"}', "invalid_message"),
    ("settings that are a list", '{"type":"config","settings":[]}', "invalid_config"),
    ("a language of a number", '{"type":"config","settings":{"language":7}}', "invalid_config"),
    ("a flag of a word", '{"type":"config","settings":{"useBrowserTTS":"no"}}', "invalid_config"),
    ("a long context", '{"type":"config","context":"%s"}' % ("x" * 300_000), "message_too_large"),
    ("tools that are no list", '{"type":"config","tools":{}}', "invalid_config"),
    ("a tool without a name", '{"type":"config","tools":[{}]}', "invalid_config"),
    (
        "a schema that is none",
        '{"type":"config","tools":[{"name":"a","parameters":{"type":5}}]}',
        "invalid_config",
    ),
    ("an unknown encoding", '{"type":"config","output":{"encoding":"midi"}}', "invalid_config"),
    ("a lead below none", '{"type":"config","output":{"maxLeadMs":-1}}', "invalid_config"),
    ("an unknown mode", '{"type":"config","turnDetection":{"mode":"magic"}}', "invalid_config"),
    (
        "silence of half a millisecond",
        '{"type":"config","turnDetection":{"silenceDurationMs":0.5}}',
        "invalid_config",
    ),
    (
        "silence of weeks",
        '{"type":"config","turnDetection":{"silenceDurationMs":99999999999}}',
        "invalid_config",
    ),
    (
        "a long prompt",
        '{"type":"config","systemPrompt":"%s"}' % ("x" * 300_000),
        "message_too_large",
    ),
    ("an answer below none", '{"type":"interrupt","responseId":-1}', "invalid_message"),
    ("an answer of a word", '{"type":"interrupt","responseId":"x"}', "invalid_message"),
    ("a playback of nothing", '{"type":"playback"}', "invalid_message"),
    (
        "a playback below none",
        '{"type":"playback","responseId":1,"playedMs":-1}',
        "invalid_message",
    ),
    ("nothing to say", '{"type":"say"}', "invalid_message"),
    ("a blank to say", '{"type":"say","text":" "}', "invalid_message"),
    ("a number to follow", '{"type":"create_response","instructions":7}', "invalid_message"),
    ("a token of a number", '{"type":"auth","token":7}', "invalid_message"),
    ("an end of nothing", '{"type":"stop_listening"}', "protocol_violation"),
]

STREAMING_FRAMES: list[tuple[str, str, str]] = [
    *((what, frame, code) for what, frame, code in CEDAR_FRAMES[:9]),
    ("audio that is no base64", '{"type":"audio_chunk","audioData":"!!!"}', "invalid_message"),
    ("audio that is a number", '{"type":"audio_chunk","audioData":7}', "invalid_message"),
    ("audio of the other dialect", '{"type":"audio_chunk","data":"AAAA"}', "invalid_message"),
]

FORMS: list[tuple[str, str, Any, int]] = [
    ("no form", "", b"hello", 415),
    (
        "a form that is none",
        "",
        {"body": b"--x\r\n", "type": "multipart/form-data; boundary=x"},
        400,
    ),
    ("a form without boundary", "", {"body": b"x", "type": "multipart/form-data"}, 400),
    ("no audio", "", form(settings="{}"), 400),
    ("audio that is text", "", form(audio="hello"), 400),
    ("empty audio", "", form(audio=b""), 400),
    ("audio of noise", "", form(audio=AUDIO[0][1]), 422),
    ("settings that are no JSON", "", form(audio=WAV, settings="{"), 400),
    ("settings that are a list", "", form(audio=WAV, settings="[]"), 400),
    ("a rate above its bounds", "", form(audio=WAV, settings='{"rate":9}'), 400),
    ("too many fields", "", form(**{f"field{number}": "x" for number in range(70)}), 413),
    ("a field that is too long", "", form(audio=WAV, context="x" * (2 << 20)), 413),
    ("an upload that is too long", "", form(audio=bytes(5 << 20)), 413),
    ("a chunk without session", "/stream", form(audioChunk=b"\x1a\x45\xdf\xa3"), 400),
    ("a chunk that begins nothing", "/stream", form(audioChunk=b"xx", sessionId="s"), 422),
    ("no chunk", "/stream", form(sessionId="s"), 400),
    ("an empty chunk", "/stream", form(audioChunk=b"", sessionId="s"), 400),
    ("a chunk that is text", "/stream", form(audioChunk="hello", sessionId="s"), 400),
    ("an end that is none", "/stream", form(isComplete="maybe", sessionId="s"), 400),
    ("an end of nothing", "/stream", form(isComplete="true", sessionId="nothing"), 422),
    (
        "a chunk with settings that are no JSON",
        "/stream",
        form(audioChunk=WAV, settings="{", sessionId="s"),
        400,
    ),
    (
        "a chunk with a rate above its bounds",
        "/stream",
        form(audioChunk=WAV, settings='{"rate":9}', sessionId="rate"),
        400,
    ),
    (
        "a chunk with a long context",
        "/stream",
        form(audioChunk=WAV, context=json.dumps("x" * 300_000), sessionId="long"),
        413,
    ),
    (
        "WebM of noise in chunks",
        "/stream",
        form(audioChunk=AUDIO[4][1], isComplete="true", sessionId="noise"),
        422,
    ),
    ("no form of chunks", "/stream", b"hello", 415),
    ("a recording that is text", "/stream", form(audio="hello"), 400),
    ("a recording of noise", "/stream", form(audio=AUDIO[0][1]), 422),
    ("a recording with settings", "/stream", form(audio=WAV, settings="[]"), 400),
    ("half a WAV header", "", form(audio=WAV[:30]), 422),
    ("WebM of noise", "", form(audio=AUDIO[4][1]), 422),
    ("a language of a number", "", form(audio=WAV, settings='{"language":7}'), 400),
    ("a long context", "", form(audio=WAV, context=json.dumps("x" * 300_000)), 413),
]

TOKENS: list[tuple[str, str]] = [
    ("nothing", ""),
    ("blank", " "),
    ("not ASCII", "t\u00f6ken"),
    ("two words", "a b"),
    ("too long", "a" * 6_000),
    ("no JWT", "a.b.c"),
    ("two dots", ".."),
    ("a header that is no JSON", "e30x.e30.e30"),
    ("no signature", signed().rpartition(".")[0] + "."),
    ("another signature", signed(key=KEY[::-1])),
    ("expired", signed(exp=1)),
    ("another audience", signed(aud="mail")),
    ("no subject", signed(sub=None)),
    ("no expiry", signed(exp=None)),
]


@asynccontextmanager
async def serving(**values: Any) -> AsyncIterator[str]:
    """Serve, and yield the address."""
    async with (
        OpenAIStandin(answers=(Answer("Yes."),), latencies=INSTANT) as standin,
        open_server(settings_of(standin, **values)) as (address, _),
    ):
        yield address


@asynccontextmanager
async def bridged(**values: Any) -> AsyncIterator[Bridge]:
    """Serve, and yield a bridge to the service."""
    async with serving() as address, bridging(address, **values) as bridge:
        yield bridge


def test_there_are_many() -> None:
    tables: tuple[list[Any], ...] = (
        FIRST,
        LATER,
        AUDIO,
        CEDAR_FRAMES,
        STREAMING_FRAMES,
        UNARY,
        FORMS,
        TOKENS,
    )
    assert sum(len(table) for table in tables) >= 150


# -- gRPC ------------------------------------------------------------------------------------------


async def refusal_of(stream: VoiceStream, request: Request) -> str:
    """Send a message, and return the code of the error that answers it."""
    with suppress(SessionClosed):
        await stream.send(request)
    return await told(stream)


async def told(stream: VoiceStream) -> str:
    """Return the code of the next error; "nothing" if the stream ends without one."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            while (response := await stream.receive()) is not None:
                if response.HasField("error"):
                    return error_from_proto(response.error).code.name
        except VoiceClientError as failure:
            return failure.code.name
    return "nothing"


async def converse(stream: VoiceStream) -> None:
    """Complete a good turn on an open session."""
    await stream.send(Request(text=pb.TextInput(text="hello")))
    async with asyncio.timeout(PATIENCE_S):
        while (response := await stream.receive()) is not None:
            assert not response.HasField("error"), response
            if response.response.HasField("completed"):
                return


async def test_first_messages() -> None:
    async with serving() as address, VoiceClient(address) as client:
        answers = {}
        for number, (what, request, _) in enumerate(FIRST, 1):
            async with client.stream() as stream:
                answers[what] = await refusal_of(stream, request)
            if number % GOOD_EVERY and number < len(FIRST):
                continue
            async with client.stream() as stream:
                await stream.send(Request(config=settings_with(use_browser_tts=True)))
                await converse(stream)
        assert answers == {what: code for what, _, code in FIRST}


async def test_later_messages() -> None:
    async with (
        serving() as address,
        VoiceClient(address) as client,
        client.stream() as stream,
    ):
        await stream.send(Request(config=settings_with(use_browser_tts=True)))
        answers = {}
        for number, (what, request, _) in enumerate(LATER, 1):
            answers[what] = await refusal_of(stream, request)
            if number % GOOD_EVERY == 0 or number == len(LATER):
                await converse(stream)
        assert answers == {what: code for what, _, code in LATER}


async def test_unary_calls() -> None:
    async with serving() as address, grpc.aio.insecure_channel(address) as channel:
        for what, method, request, status in UNARY:
            call: Any = channel.unary_unary(f"/cedar_voice.v1.VoiceService/{method}")
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(request)
            assert (what, refused.value.code()) == (what, status)
            info: Any = channel.unary_unary("/cedar_voice.v1.VoiceService/GetServiceInfo")
            assert pb.GetServiceInfoResponse.FromString(await info(b"")).engines


@pytest.mark.parametrize("is_open", [False, True])
async def test_bytes_that_are_no_message(is_open: bool) -> None:
    config = Request(config=settings_with(use_browser_tts=True))
    async with serving() as address, VoiceClient(address) as client:
        async with grpc.aio.insecure_channel(address) as channel:
            call: Any = channel.stream_stream("/cedar_voice.v1.VoiceService/VoiceSession")()
            if is_open:
                await call.write(config.SerializeToString())
            await call.write(b"\xff\xff")
            with pytest.raises(grpc.aio.AioRpcError, match="cannot be read") as refused:
                while await call.read() is not grpc.aio.EOF:
                    pass
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        async with client.stream() as stream:
            await stream.send(config)
            await converse(stream)


async def test_audio() -> None:
    async with serving() as address, VoiceClient(address) as client:
        answers = {}
        for what, data, _ in AUDIO:
            async with client.stream() as stream:
                await stream.send(Request(config=settings_with(use_browser_tts=True)))
                await stream.send(Request(control=Control(start_listening=pb.StartListening())))
                await stream.send(Request(audio=pb.InputAudio(data=data)))
                stop = Control(stop_listening=pb.StopListening())
                answers[what] = await refusal_of(stream, Request(control=stop))
                await converse(stream)
        assert answers == {what: code for what, _, code in AUDIO}


# -- sockets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "table"),
    [(f"{VOICE}/ws", CEDAR_FRAMES), ("/", STREAMING_FRAMES)],
    ids=["cedar", "streaming"],
)
async def test_frames(path: str, table: list[tuple[str, str, str]]) -> None:
    async with bridged() as bridge, bridge.connect("?sessionId=one", path=path) as socket:
        answers = {}
        for what, frame, _ in table:
            await socket.socket.send_str(frame)
            try:
                async with asyncio.timeout(2):
                    answers[what] = (await socket.hear_until("error"))["code"]
            except TimeoutError:
                answers[what] = "nothing"
        assert answers == {what: code for what, _, code in table}
        await answered(socket)


async def test_binary_frames_and_huge_ones() -> None:
    async with bridged() as bridge:
        async with bridge.connect() as socket:
            await socket.socket.send_bytes(b"\x1a\x45\xdf\xa3")
            assert (await socket.hear_until("error"))["code"] == "invalid_message"
            await answered(socket)
        async with bridge.connect() as socket:
            with suppress(ConnectionError):
                await socket.socket.send_str("x" * (5 << 20))
            assert await socket.closing() == 1009
        async with bridge.connect() as socket:
            await answered(socket)


async def answered(socket: Socket) -> None:
    """Start a good turn, and check that it is answered without an error."""
    heard = len(socket.heard)
    await socket.say(type="text", text="hello")
    await socket.hear_until("response_start")
    assert "error" not in socket.kinds[heard:]


# -- HTTP ------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Sending a large body")
async def test_forms() -> None:
    async with bridged(max_upload_bytes=4 << 20) as bridge:
        answers = {}
        for number, (what, path, body, _) in enumerate(FORMS, 1):
            answers[what] = await status_of(bridge, path, body)
            if number % GOOD_EVERY == 0 or number == len(FORMS):
                assert await status_of(bridge, "", form(audio=WAV)) == 200
        assert answers == {what: status for what, _, _, status in FORMS}


async def status_of(bridge: Bridge, path: str, body: Any) -> int:
    """Post a body and return the status; a refusal must have an error in JSON."""
    headers = {}
    if isinstance(body, dict):
        headers, body = {"Content-Type": body["type"]}, body["body"]
    url = f"{bridge.url}{VOICE}{path}"
    async with bridge.http.post(url, data=body, headers=headers) as answer:
        told = await answer.json()
        assert answer.status == 200 or told["error"]
        return answer.status


@pytest.mark.parametrize("query", ["?ticket=wrong", "?token=%00", "?token=a%20b", "?ticket=%ff"])
async def test_addresses_that_let_nobody_in(query: str) -> None:
    async with bridged() as bridge:
        for path in ("/stream-response", "", "/stream"):
            method = "GET" if path == "/stream-response" else "POST"
            url = f"{bridge.url}{VOICE}{path}{query}&sessionId=one"
            async with bridge.http.request(method, url) as answer:
                assert answer.status == 401
                assert (await answer.json())["error"]["code"] == "unauthenticated"
        async with bridge.connect(query) as socket:
            assert await socket.closing() == 1008


@pytest.mark.parametrize("query", ["", "?sessionId=", "?session=one"])
async def test_queries(query: str) -> None:
    async with bridged() as bridge:
        async with bridge.http.get(f"{bridge.url}{VOICE}/stream-response{query}") as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]["field"] == "sessionId"
        url = f"{bridge.url}{VOICE}/stream-response?sessionId=one"
        for place in ("x", "-1", "9" * 40, "ab-cd", "\u00fc"):
            headers = {"Last-Event-ID": place}
            async with bridge.http.get(url, headers=headers) as answer:
                assert answer.status == 200


# -- tokens ----------------------------------------------------------------------------------------


async def test_tokens() -> None:
    trust = {"jwt_key": KEY, "jwt_audience": (AUDIENCE,), "auth_timeout_ms": 100}
    async with bridged(**trust) as bridge:
        for what, token in TOKENS:
            headers = {"Authorization": f"Bearer {token}"}
            url = f"{bridge.url}{VOICE}/stream-response?sessionId=one"
            async with bridge.http.get(url, headers=headers) as answer:
                assert (what, answer.status) == (what, 401)
            async with bridge.connect() as socket:
                await socket.say(type="auth", token=token)
                assert (what, await socket.closing()) == (what, 1008)
            async with bridge.connect(f"?token={signed()}") as socket:
                await answered(socket)
