"""No secret and no text of a conversation is in the output of a process, at level `debug`."""

import asyncio
import base64
import json
import re
import signal
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest

import cedar_voice.v1 as pb
from cedar_voice_client import VoiceClient, VoiceClientError
from tests.support.bridge import Bridge
from tests.support.command import running_command
from tests.support.http_clients import VOICE, form
from tests.support.identities import AUDIENCE, signed
from tests.support.openai_script import INSTANT, Answer
from tests.support.openai_standin import OpenAIStandin
from tests.support.recordings import speech_path

SECRETS = {
    "signing key": "canary-signing-key-of-thirty-two-bytes-or-more",
    "listed token": "canary-listed-token",
    "provider key": "canary-provider-key",
    "transcript": "canarytranscript flies over",
    "reply": "canaryreply comes home.",
    "typed": "canarytyped is typed",
    "context": "canarycontext",
    "prompt": "canaryprompt",
    "wrong token": "canary-wrong-token",
    "wrong ticket": "canary-wrong-ticket",
    "wrong resume token": "canary-wrong-resume-token",
    "broken frame": "canarybroken",
    "token in a broken request": "canary-token-in-a-broken-request",
    "token in a broken message": "canary-token-in-a-broken-message",
    "wrong renewal": "canary-wrong-renewal",
}


async def test_no_output_holds_what_is_secret_or_said(tmp_path: Path) -> None:
    secrets = dict(SECRETS)
    standin = OpenAIStandin(
        transcript=secrets["transcript"],
        answers=(Answer(secrets["reply"]),),
        latencies=INSTANT,
        api_key=secrets["provider key"],
    )
    async with standin:
        environment = {
            "CEDAR_LOG_LEVEL": "debug",
            "CEDAR_LOG_FORMAT": "json",
            "CEDAR_JWT_KEY": secrets["signing key"],
            "CEDAR_JWT_AUDIENCE": AUDIENCE,
            "CEDAR_AUTH_TOKENS": secrets["listed token"],
            "OPENAI_BASE_URL": standin.base_url,
            "OPENAI_API_KEY": secrets["provider key"],
            "PYTHONASYNCIODEBUG": "1",
        }
        outputs = await conversation(secrets, environment, tmp_path)
    assert '"event": "turn"' in outputs, "else nothing was logged that could hold any of it"
    found = {name for name, secret in secrets.items() if secret in outputs}
    assert not found


async def conversation(secrets: dict[str, str], environment: dict[str, str], folder: Path) -> str:
    """Hold a conversation through both processes, and return all their output."""
    service_flags = ("service", "--grpc-address", "127.0.0.1:0")
    async with running_command(*service_flags, cwd=folder, environment=environment) as service:
        grpc_address, said = await address_of(service, "gRPC")
        bridge_flags = ("bridge", "--http-address", "127.0.0.1:0", "--grpc-address", grpc_address)
        async with running_command(*bridge_flags, cwd=folder, environment=environment) as bridge:
            page, also_said = await address_of(bridge, "page")
            async with aiohttp.ClientSession() as http:
                host = page.removeprefix("http://").rstrip("/")
                await talk(secrets, Bridge(host, http))
            await talk_over_grpc(secrets, grpc_address)
            return said + also_said + await output_of(bridge) + await output_of(service)


async def talk(secrets: dict[str, str], bridge: Bridge) -> None:
    """Send valid and invalid requests of browsers."""
    secrets["jwt"] = signed(key=secrets["signing key"])
    headers = {"Authorization": f"Bearer {secrets['jwt']}"}
    async with bridge.http.post(f"{bridge.url}{VOICE}/tickets", headers=headers) as answer:
        secrets["ticket"] = (await answer.json())["ticket"]
    recording = speech_path().read_bytes()
    secrets["audio"] = base64.b64encode(recording[4_000:4_030]).decode()
    async with bridge.connect(f"?ticket={secrets['ticket']}&sessionId=one") as socket:
        await socket.hear_until("ready")
        await socket.say(
            type="config",
            context={"note": secrets["context"]},
            systemPrompt=secrets["prompt"],
            turnDetection={"mode": "manual"},
        )
        await socket.say(type="audio_chunk", data=base64.b64encode(recording).decode())
        await socket.say(type="stop_listening")
        assert (await socket.hear_until("transcription_final"))["text"] == secrets["transcript"]
        await socket.hear_until("response_complete")
        await socket.say(type="text", text=secrets["typed"])
        await socket.hear_until("response_complete")
        await socket.hear_until("turn_metrics")
        await socket.say(type="auth", token=secrets["wrong token"])
        await socket.say(type="text", text=7, x=secrets["broken frame"])
        for _ in range(2):
            await socket.hear_until("error")
    for query in (f"token={secrets['wrong token']}", f"ticket={secrets['wrong ticket']}"):
        async with bridge.connect(f"?{query}") as socket:
            assert await socket.closing() == 1008
    await break_http(bridge, secrets["token in a broken request"])
    url = f"{bridge.url}{VOICE}?token={secrets['listed token']}"
    async with bridge.http.post(url, data=form(audio=recording)) as answer:
        assert (await answer.json())["text"] == secrets["reply"]


async def break_http(bridge: Bridge, token: str) -> None:
    """Send requests that are not HTTP, each with a token in its invalid part."""
    host, _, port = bridge.address.rpartition(":")
    for request in (
        f"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\0\r\n\r\n",
        f"GET /?token={token}\1 HTTP/1.1\r\nHost: a\r\n\r\n",
        f"{token} / HTTP/9\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{token}\r\n",
    ):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request.encode())
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()


async def talk_over_grpc(secrets: dict[str, str], address: str) -> None:
    """Send valid and invalid requests of gRPC clients."""
    async with VoiceClient(address, token=secrets["listed token"]) as client:
        async with client.stream() as stream:
            await stream.send(pb.VoiceSessionRequest(config=pb.SessionConfig()))
            opening = await stream.receive()
            assert opening is not None
            secrets["resume token"] = opening.ready.resume_token
            renewal = pb.TokenRenewal(token=secrets["wrong renewal"])
            await stream.send(pb.VoiceSessionRequest(token_renewal=renewal))
            refusal = await stream.receive()
            assert refusal is not None and refusal.error.code == pb.ERROR_CODE_UNAUTHENTICATED
        async with grpc.aio.insecure_channel(address) as channel:
            call: Any = channel.stream_stream("/cedar_voice.v1.VoiceService/VoiceSession")
            metadata = (("authorization", f"Bearer {secrets['listed token']}"),)
            broken = call(metadata=metadata)
            await broken.write(b"\xff" + secrets["token in a broken message"].encode())
            with pytest.raises(grpc.aio.AioRpcError, match="cannot be read"):
                while await broken.read() is not grpc.aio.EOF:
                    pass
        resume = pb.ResumeRequest(resume_token=secrets["wrong resume token"])
        for token in (None, secrets["wrong token"]):
            async with client.stream(token=token) as stream:
                try:
                    config = pb.SessionConfig(resume=resume)
                    await stream.send(pb.VoiceSessionRequest(config=config))
                    while await stream.receive() is not None:
                        pass
                except VoiceClientError:
                    continue


async def address_of(process: asyncio.subprocess.Process, name: str) -> tuple[str, str]:
    """Return the address that a command prints under this name, and all its output so far."""
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(40):
        while "Ctrl-C" not in said:
            line = await process.stdout.readline()
            assert line, said
            said += line.decode()
    found = re.search(rf"^  {name} +(\S+)$", said, re.MULTILINE)
    assert found is not None, said
    return found[1], said


async def output_of(process: asyncio.subprocess.Process) -> str:
    """Stop a command and return the rest of its output."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        out, err = await process.communicate()
    for line in err.decode().splitlines():
        assert not line.startswith("{") or isinstance(json.loads(line), dict)
    return out.decode() + err.decode()
