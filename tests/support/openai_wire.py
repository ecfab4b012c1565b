"""The JSON of OpenAI's HTTP API as the stand-in reads and writes it: checks, answers, events."""

import json
import time
import wave
from collections.abc import Sequence
from typing import Any

from aiohttp import BodyPartReader, web

from tests.support.openai_script import Answer, Received, StageName, duration_ms, tokens_of

VOICES = frozenset(
    {
        "alloy",
        "ash",
        "ballad",
        "cedar",
        "coral",
        "echo",
        "fable",
        "marin",
        "nova",
        "onyx",
        "sage",
        "shimmer",
        "verse",
    }
)
WORD_LOGPROB = -0.105
"""Log probability of every word and segment: a confidence of 0.90."""

SHORTEST_RECORDING_MS = 100


class Refused(Exception):
    """A request that the vendor refuses, or that the script refuses."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str = "invalid_request",
        retry_after: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {"Retry-After": retry_after} if retry_after else {}
        self.body = {
            "error": {"message": message, "type": "error", "param": None, "code": code},
        }


async def received_of(stage: StageName, request: web.Request) -> Received:
    """Record a request: its key, its JSON or form, its recording."""
    received_at_s = time.monotonic()
    audio = b""
    if request.content_type == "multipart/form-data":
        body, audio = await _read_form(request)
    else:
        body = await request.json()
    return Received(
        stage=stage,
        connection=str(request.transport and request.transport.get_extra_info("peername")),
        api_key=request.headers.get("Authorization", "").removeprefix("Bearer "),
        body=body,
        audio=audio,
        received_at_s=received_at_s,
    )


async def _read_form(request: web.Request) -> tuple[dict[str, Any], bytes]:
    """Read a form; a field whose name ends in [] is a list. The part `file` is the recording."""
    body: dict[str, Any] = {}
    audio = b""
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader) and part.name is not None
        if part.filename:
            audio = bytes(await part.read())
        elif part.name.endswith("[]"):
            body.setdefault(part.name, []).append(await part.text())
        else:
            body[part.name] = await part.text()
    return body, audio


def check_transcription(body: dict[str, Any], audio: bytes) -> None:
    """Refuse an invalid transcription request."""
    try:
        recording_ms = duration_ms(audio)
    except (wave.Error, EOFError):
        raise Refused("Invalid file format.") from None
    if recording_ms < SHORTEST_RECORDING_MS:
        raise Refused("Audio file is too short. Minimum audio length is 0.1 seconds.")
    if not body.get("model"):
        raise Refused("you must provide a model parameter")
    if "gpt-4o" in body["model"] and body.get("response_format", "json") != "json":
        raise Refused("response_format is not compatible with the model")


def transcription(text: str, body: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Return the answer to a transcription request of the given length."""
    if body.get("response_format") == "verbose_json":
        segment = {"id": 0, "start": 0.0, "end": seconds, "text": text, "avg_logprob": WORD_LOGPROB}
        return {
            "task": "transcribe",
            "language": "english",
            "duration": seconds,
            "text": text,
            "segments": [segment] if text else [],
        }
    answer: dict[str, Any] = {"text": text}
    if "logprobs" in body.get("include[]", ()):
        answer["logprobs"] = [
            {"token": token, "logprob": WORD_LOGPROB, "bytes": list(token.encode())}
            for token in tokens_of(text)
        ]
    return answer


def check_chat(body: dict[str, Any]) -> None:
    """Refuse a conversation that is empty, has empty turns or leaves tool calls unanswered."""
    messages = body.get("messages")
    if not body.get("model") or not messages or not body.get("stream"):
        raise Refused("model, messages and stream are needed here")
    unanswered: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in unanswered:
                raise Refused("a tool message must follow the call it answers")
            unanswered.discard(message["tool_call_id"])
        elif unanswered:
            raise Refused("tool_calls must be followed by tool messages for each of them")
        else:
            unanswered = {call["id"] for call in message.get("tool_calls", ())}
            if not message.get("content") and not unanswered:
                raise Refused("a message needs content")
    if unanswered:
        raise Refused("tool_calls must be followed by tool messages for each of them")


def check_speech(body: dict[str, Any], formats: Sequence[str]) -> None:
    """Refuse an invalid speech request."""
    if not body.get("model") or not body.get("input"):
        raise Refused("model and input are needed")
    if body.get("voice") not in VOICES:
        raise Refused("voice: Input should be one of the voices")
    if not 0.25 <= body.get("speed", 1.0) <= 4.0:
        raise Refused("speed: Input should be between 0.25 and 4")
    if body.get("response_format", "mp3") not in formats:
        raise Refused("response_format is not offered here")


def chat_event(
    body: dict[str, Any],
    delta: dict[str, Any] | None = None,
    *,
    finish_reason: str | None = None,
    usage: dict[str, int] | None = None,
) -> bytes:
    """One server-sent event of a chat completion; the one with the usage has no choice."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": body["model"],
        "choices": [] if delta is None else [choice],
        "usage": usage,
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def usage_of(body: dict[str, Any], answer: Answer) -> dict[str, int]:
    """Token counts of a conversation and its answer."""
    prompt = sum(len(tokens_of(message.get("content") or "")) for message in body["messages"])
    completion = len(answer.deltas())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
