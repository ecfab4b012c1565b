"""A local server with OpenAI's API for transcription, also realtime, chat and speech.

It replaces the vendor behind the real `openai` SDK: real multipart uploads, server-sent events and
chunked audio, with latencies and faults on demand. It refuses the requests that the vendor refuses.

`python -m tests.support.openai_standin` runs it as a process of its own, prints its base URL and
serves until it is interrupted. `GET /received` returns the number of requests of each stage and the
length of the uploaded recordings.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import fields
from functools import lru_cache
from typing import Self, get_args

from aiohttp import web

from tests.support.openai_realtime import RealtimeStandin
from tests.support.openai_script import (
    SPEECH_RATE_HZ,
    TRANSCRIPT,
    Answer,
    Fault,
    Latencies,
    Pace,
    Received,
    StageName,
    as_mp3,
    as_wav,
    speech_pcm,
)
from tests.support.openai_wire import (
    Refused,
    chat_event,
    check_chat,
    check_speech,
    check_transcription,
    received_of,
    transcription,
    usage_of,
)

SPEECH_BLOCK_MS = 200

_MAX_UPLOAD_BYTES = 26 << 20
_CONTENT_TYPES = {"pcm": "audio/pcm", "wav": "audio/wav", "mp3": "audio/mpeg"}
_ENCODERS: dict[str, Callable[[bytes], bytes]] = {"pcm": bytes, "wav": as_wav, "mp3": as_mp3}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class OpenAIStandin:
    """The server. Use it as `async with OpenAIStandin() as server: server.base_url`.

    `transcript`, `answers`, `latencies`, `faults` and the `formats` of its speech may be changed
    while it runs. The transcript may depend on the recording, a WAV file. The nth chat request
    gets the nth answer, later ones the last. `requests` holds everything received over HTTP,
    `realtime` serves the realtime API. With an `api_key` every other key is refused.
    """

    def __init__(
        self,
        *,
        transcript: str | Callable[[bytes], str] = TRANSCRIPT,
        answers: Sequence[Answer] = (Answer(),),
        latencies: Latencies | None = None,
        faults: dict[StageName, Fault] | None = None,
        api_key: str = "",
    ) -> None:
        self.transcript = transcript
        self.answers = answers
        self.latencies = latencies or Latencies()
        self.faults = faults or {}
        self.api_key = api_key
        self.formats: Sequence[str] = tuple(_ENCODERS)
        self.requests: list[Received] = []
        self.realtime = RealtimeStandin()
        self.base_url = ""
        self._arrival = asyncio.Condition()
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    async def start(self, port: int = 0) -> None:
        """Listen on the loopback interface; port 0 takes a free one."""
        app = web.Application(client_max_size=_MAX_UPLOAD_BYTES)
        app.router.add_post("/v1/audio/transcriptions", self._handler("stt", self._transcribe))
        app.router.add_post("/v1/chat/completions", self._handler("llm", self._complete))
        app.router.add_post("/v1/audio/speech", self._handler("tts", self._speak))
        app.router.add_get("/v1/realtime", self.realtime.handle)
        app.router.add_get("/received", self._tell_received)
        runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None
        )
        self._running.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"

    def requests_of(self, stage: StageName) -> list[Received]:
        """Return the requests of one stage, oldest first."""
        return [request for request in self.requests if request.stage == stage]

    async def wait_for_requests(self, count: int) -> None:
        """Wait for `count` requests, at most 5 s."""
        async with asyncio.timeout(5), self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= count)

    def _handler(self, stage: StageName, serve: "Callable[[_Reply], Awaitable[None]]") -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            received = await received_of(stage, request)
            await self._note(received)
            reply = _Reply(request, received, self._fault_of(stage))
            try:
                self._check_key(received)
                await reply.fail_at_once()
                await serve(reply)
                received.was_answered = True
            except Refused as refusal:
                return web.json_response(
                    refusal.body, status=refusal.status, headers=refusal.headers
                )
            except ConnectionResetError:
                pass  # cut by the fault or by the client: no one is left to notify
            finally:
                received.ended_at_s = time.monotonic()
                received.ended.set()
            return reply.response

        return handle

    def _fault_of(self, stage: StageName) -> Fault:
        fault = self.faults.get(stage, Fault())
        is_past = fault.requests is not None and len(self.requests_of(stage)) > fault.requests
        return Fault() if is_past else fault

    async def _note(self, received: Received) -> None:
        async with self._arrival:
            self.requests.append(received)
            self._arrival.notify_all()

    async def _tell_received(self, _: web.Request) -> web.Response:
        """Return totals of the requests so far, for a client of the server's process."""
        account = {
            stage: {
                "requests": len(requests := self.requests_of(stage)),
                "audio_ms": sum(request.audio_ms for request in requests),
            }
            for stage in get_args(StageName)
        }
        return web.json_response(account)

    def _check_key(self, received: Received) -> None:
        if not received.api_key or (self.api_key and received.api_key != self.api_key):
            message = f"Incorrect API key provided: {received.api_key}"
            raise Refused(message, status=401, code="invalid_api_key")

    async def _transcribe(self, reply: "_Reply") -> None:
        received = reply.received
        check_transcription(received.body, received.audio)
        seconds = received.audio_ms / 1000
        work_ms = self.latencies.stt_base_ms + self.latencies.stt_ms_per_s * seconds
        pace = Pace(work_ms, 0)
        said = self.transcript
        text = said if isinstance(said, str) else said(received.audio)
        answer = json.dumps(transcription(text, received.body, seconds)).encode()
        await pace.tick()
        await reply.begin("application/json", length_bytes=len(answer))
        await reply.write(answer)

    async def _complete(self, reply: "_Reply") -> None:
        body = reply.received.body
        check_chat(body)
        answer = self.answers[min(len(self.requests_of("llm")), len(self.answers)) - 1]
        pace = Pace(self.latencies.llm_first_token_ms, self.latencies.llm_token_ms)
        await reply.begin("text/event-stream")
        for delta in answer.deltas():
            await pace.tick()
            await reply.write(chat_event(body, delta))
        finish_reason = "tool_calls" if answer.tool_calls else answer.finish_reason
        await reply.write(chat_event(body, {}, finish_reason=finish_reason))
        if answer.tells_usage and body.get("stream_options", {}).get("include_usage"):
            await reply.write(chat_event(body, usage=usage_of(body, answer)))
        await reply.write(b"data: [DONE]\n\n")

    async def _speak(self, reply: "_Reply") -> None:
        body = reply.received.body
        check_speech(body, self.formats)
        encoding = body.get("response_format", "mp3")
        factor = self.latencies.tts_realtime_factor
        pace = Pace(self.latencies.tts_first_byte_ms, SPEECH_BLOCK_MS / factor if factor else 0)
        blocks = await asyncio.to_thread(
            _speech_blocks, body["input"], body.get("speed", 1.0), encoding
        )
        await reply.begin(_CONTENT_TYPES[encoding])
        for block in blocks:
            await pace.tick()
            await reply.write(block)


class _Reply:
    """The answer to one request, written under that stage's fault."""

    def __init__(self, request: web.Request, received: Received, fault: Fault) -> None:
        self.received = received
        self.response = web.StreamResponse()
        self._request = request
        self._fault = fault
        self._bytes_left = fault.after_bytes

    async def fail_at_once(self) -> None:
        fault = self._fault
        if fault.status:
            raise Refused(
                "injected fault",
                status=fault.status,
                code=fault.error_code,
                retry_after=fault.retry_after,
            )
        if fault.hangs and fault.after_bytes is None:
            await asyncio.Event().wait()

    async def begin(self, content_type: str, *, length_bytes: int | None = None) -> None:
        self.response.content_type = content_type
        self.response.content_length = length_bytes
        await self.response.prepare(self._request)

    async def write(self, data: bytes) -> None:
        if self.received.first_byte_at_s is None:
            self.received.first_byte_at_s = time.monotonic()
        if self._bytes_left is None:
            await self.response.write(data)
            return
        await self.response.write(data[: self._bytes_left])
        self._bytes_left -= len(data)
        if self._bytes_left <= 0:
            await self._stop()

    async def _stop(self) -> None:
        if self._fault.hangs:
            await self._stay_silent()
        if self._request.transport is not None:
            self._request.transport.close()
        raise ConnectionResetError("injected cut")

    async def _stay_silent(self) -> None:
        """Wait until the client disconnects, which cancels the handler."""
        if not self._fault.filler_interval_ms:
            await asyncio.Event().wait()
        pace = Pace(0, self._fault.filler_interval_ms)
        while True:
            await pace.tick()
            await self.response.write(b": nothing yet\n\n" + chat_event(self.received.body, {}))


@lru_cache(maxsize=64)
def _speech_blocks(text: str, speed: float, encoding: str) -> list[bytes]:
    """Encode speech, in pieces of about `SPEECH_BLOCK_MS` each, cut within samples and frames."""
    pcm = speech_pcm(text, speed)
    data = _ENCODERS[encoding](pcm)
    block_count = max(1, len(pcm) * 1000 // (SPEECH_RATE_HZ * 2 * SPEECH_BLOCK_MS))
    size_bytes = len(data) // block_count | 1
    return [data[start : start + size_bytes] for start in range(0, len(data), size_bytes)]


async def _serve(port: int, server: OpenAIStandin) -> None:
    await server.start(port)
    print(server.base_url, flush=True)  # noqa: T201
    async with server:
        await asyncio.Event().wait()


def main() -> None:
    """Run the stand-in as a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--transcript", default=TRANSCRIPT)
    for latency in fields(Latencies):
        flag = "--" + latency.name.replace("_", "-")
        parser.add_argument(flag, type=float, default=latency.default)
    options = vars(parser.parse_args())
    port, transcript = options.pop("port"), options.pop("transcript")
    server = OpenAIStandin(transcript=transcript, latencies=Latencies(**options))
    try:
        asyncio.run(_serve(port, server))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
