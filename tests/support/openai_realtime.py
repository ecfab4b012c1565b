"""The stand-in's side of OpenAI's realtime protocol, for transcription sessions.

It accepts the events that the vendor accepts, in the vendor's order, and answers others with an
error event. A script sets the transcripts, the latencies and the faults.
"""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import WSMsgType, web

from tests.support.openai_script import TRANSCRIPT, Pace

RATE_HZ = 24_000
LIVE_MODELS = ("gpt-live-transcribe", "gpt-realtime-whisper")
"""Models that send words while audio arrives, and detect no turns."""

LANGUAGE_LIST_MODELS = ("gpt-live-transcribe", "gpt-transcribe")
MODELS = (*LIVE_MODELS, "gpt-transcribe", "gpt-4o-transcribe", "gpt-4o-mini-transcribe")

_SHORTEST_COMMIT_MS = 100
_MAX_APPEND_BYTES = 15 << 20
_TRANSCRIPTION = "conversation.item.input_audio_transcription"

Moment = Literal["connect", "update", "append", "commit"]


@dataclass(frozen=True, slots=True)
class RealtimeFault:
    """A fault and its time: at the handshake, or in place of the response to a client's event.

    `close` ends the connection with a close frame, `cut` without one; `silence` still reads and
    sends nothing more; `garbage` sends a message that is not JSON; `deafness` reads nothing more.
    """

    at: Moment
    does: Literal["refuse", "error", "failed", "close", "cut", "silence", "garbage", "deafness"]
    status: int = 503
    kind: str = "server_error"
    code: str = "injected"
    retry_after: str = ""


@dataclass(slots=True)
class RealtimeScript:
    """The transcript of the nth item of a connection, and its timing.

    A live model sends a word for every `word_ms` of audio; the others begin at the commit. After
    it the remaining words follow, one every `delta_ms`, and then `completions`, in place of the
    transcripts where they differ from the deltas. Items beyond the script have no words.
    """

    transcripts: tuple[str, ...] = (TRANSCRIPT,)
    completions: tuple[str, ...] = ()
    word_ms: float = 300
    first_delta_ms: float = 0
    delta_ms: float = 0
    completed_ms: float = 0
    fault: RealtimeFault | None = None


@dataclass(slots=True)
class RealtimeReceived:
    """Everything received on one connection, and its end. Times are monotonic seconds."""

    api_key: str
    query: dict[str, str]
    types: list[str] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)
    items: list[bytes] = field(default_factory=list)
    """The committed audio, item by item."""
    refused: list[str] = field(default_factory=list)
    """Messages of the error events that were not injected."""
    close_code: int | None = None
    committed_at_s: list[float] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class _Refusal(Exception):
    """An error event, after which the vendor continues the session."""

    def __init__(
        self, message: str, *, code: str, param: str = "", kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.error = {"type": kind, "code": code, "message": message, "param": param or None}


class _Cut(Exception):
    """The script ends the connection."""


class RealtimeStandin:
    """Serves `/v1/realtime`. `script` may be changed while it runs.

    `connections` holds everything received, oldest first.
    """

    def __init__(self) -> None:
        self.script = RealtimeScript()
        self.connections: list[RealtimeReceived] = []
        self._change = asyncio.Condition()

    async def wait_for(self, event_type: str, count: int = 1) -> None:
        """Wait until `count` events of a type arrived on all connections, at most 5 s."""

        def has_come() -> bool:
            return sum(each.types.count(event_type) for each in self.connections) >= count

        async with asyncio.timeout(5), self._change:
            await self._change.wait_for(has_come)

    async def wait_for_handshakes(self, count: int) -> None:
        """Wait for `count` handshakes, at most 5 s."""
        async with asyncio.timeout(5), self._change:
            await self._change.wait_for(lambda: len(self.connections) >= count)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a handshake, and serve the session that follows."""
        api_key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        received = RealtimeReceived(api_key, dict(request.query))
        async with self._change:
            self.connections.append(received)
            self._change.notify_all()
        try:
            refusal = await self._refusal(received)
            if refusal is not None:
                return refusal
            socket = web.WebSocketResponse(max_msg_size=_MAX_APPEND_BYTES * 2)
            await socket.prepare(request)
            with suppress(_Cut, ConnectionResetError):
                await _Session(socket, self.script, received).serve(self._note)
            received.close_code = socket.close_code
            if socket.close_code is None and request.transport is not None:
                request.transport.abort()
            return socket
        finally:
            received.ended.set()

    async def _refusal(self, received: RealtimeReceived) -> web.Response | None:
        fault = self.script.fault
        if not received.api_key:
            return _refused(401, "invalid_api_key")
        if received.query != {"intent": "transcription"}:
            return _refused(400, "invalid_intent")
        if fault is None or fault.at != "connect":
            return None
        if fault.does == "refuse":
            return _refused(fault.status, fault.code, fault.retry_after)
        await asyncio.Event().wait()
        return None

    async def _note(self, received: RealtimeReceived, event_type: str) -> None:
        async with self._change:
            received.types.append(event_type)
            self._change.notify_all()


class _Session:
    """One transcription session."""

    def __init__(
        self, socket: web.WebSocketResponse, script: RealtimeScript, received: RealtimeReceived
    ) -> None:
        self._socket = socket
        self._script = script
        self._received = received
        self._buffer = bytearray()
        self._told_words = 0
        self._is_silent = False
        self._sent_count = 0

    async def serve(self, note: Any) -> None:
        """Serve until the client leaves or the script ends it."""
        await self._tell("session.created", session=_SESSION_AT_FIRST)
        async with asyncio.TaskGroup() as group:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    await self._refuse(_Refusal("Expected text", code="invalid_message"))
                    continue
                try:
                    event = _checked_event(message.data)
                    await note(self._received, event["type"])
                    await self._take(event, group)
                except _Refusal as refusal:
                    self._received.refused.append(str(refusal))
                    await self._refuse(refusal)

    async def _take(self, event: dict[str, Any], group: asyncio.TaskGroup) -> None:
        kind: str = event["type"].rpartition(".")[2]
        if self._script.fault is not None and self._script.fault.at == kind:
            await self._fail(self._script.fault)
            return
        match kind:
            case "update":
                _check_session(event["session"])
                self._received.session = event["session"]
                await self._tell("session.updated", session=event["session"])
            case "append":
                await self._append(event["audio"])
            case _:
                await self._commit(group)

    async def _append(self, audio: str) -> None:
        if not self._received.session:
            raise _Refusal("Configure the session first", code="session_not_configured")
        try:
            samples = base64.b64decode(audio, validate=True)
        except binascii.Error:
            raise _Refusal("Invalid audio", code="invalid_value", param="audio") from None
        if len(samples) % 2 or len(samples) > _MAX_APPEND_BYTES or not samples:
            raise _Refusal("Invalid audio", code="invalid_value", param="audio")
        self._buffer += samples
        if self._model in LIVE_MODELS:
            heard_words = int(self._buffer_ms // self._script.word_ms)
            for delta in self._deltas(self._told_words, heard_words):
                await self._tell_delta(self._item_id, delta)

    async def _commit(self, group: asyncio.TaskGroup) -> None:
        if self._buffer_ms < _SHORTEST_COMMIT_MS:
            message = f"buffer too small: {self._buffer_ms:.2f}ms of audio, expected 100ms"
            raise _Refusal(message, code="input_audio_buffer_commit_empty")
        number, item_id = len(self._received.items), self._item_id
        rest = list(self._deltas(self._told_words, None))
        self._received.items.append(bytes(self._buffer))
        self._received.committed_at_s.append(time.monotonic())
        self._buffer.clear()
        self._told_words = 0
        previous = f"item_{number - 1}" if number else None
        await self._tell("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous)
        await self._tell("conversation.item.added", item={"id": item_id, "type": "message"})
        group.create_task(self._transcribe(number, item_id, rest))

    async def _transcribe(self, number: int, item_id: str, rest: list[str]) -> None:
        script = self._script
        pace = Pace(script.first_delta_ms, script.delta_ms)
        with suppress(ConnectionResetError):
            for delta in rest:
                await pace.tick()
                await self._tell_delta(item_id, delta)
            await Pace(script.completed_ms, 0).tick()
            await self._tell(
                f"{_TRANSCRIPTION}.completed",
                item_id=item_id,
                content_index=0,
                transcript=_nth(script.completions or script.transcripts, number),
                usage={"type": "duration", "seconds": 1.0},
            )

    async def _fail(self, fault: RealtimeFault) -> None:
        match fault.does:
            case "error":
                await self._refuse(_Refusal("secret words", code=fault.code, kind=fault.kind))
            case "failed":
                error = {"type": fault.kind, "code": fault.code, "message": "secret words"}
                await self._tell(
                    f"{_TRANSCRIPTION}.failed", item_id=self._item_id, content_index=0, error=error
                )
            case "close":
                await self._socket.close(code=1011, message=b"secret words")
            case "cut":
                raise _Cut
            case "garbage":
                await self._socket.send_str("<html>")
            case "silence":
                self._is_silent = True
            case "deafness":
                await asyncio.Event().wait()
            case "refuse":
                raise AssertionError("only a handshake is refused")

    @property
    def _model(self) -> str:
        model: str = self._received.session["audio"]["input"]["transcription"]["model"]
        return model

    @property
    def _item_id(self) -> str:
        """Id of the item that the buffer becomes."""
        return f"item_{len(self._received.items)}"

    @property
    def _buffer_ms(self) -> float:
        return len(self._buffer) / 2 * 1000 / RATE_HZ

    def _deltas(self, start: int, end: int | None) -> Iterator[str]:
        """Yield the words of the buffer's transcript from `start` on, and count them as sent."""
        words = _nth(self._script.transcripts, len(self._received.items)).split()
        for number, word in list(enumerate(words))[start:end]:
            self._told_words = number + 1
            yield word if number == 0 else f" {word}"

    async def _tell_delta(self, item_id: str, delta: str) -> None:
        await self._tell(f"{_TRANSCRIPTION}.delta", item_id=item_id, content_index=0, delta=delta)

    async def _refuse(self, refusal: _Refusal) -> None:
        await self._tell("error", error=refusal.error | {"event_id": None})

    async def _tell(self, event_type: str, **values: Any) -> None:
        if self._is_silent:
            return
        self._sent_count += 1
        event = {"event_id": f"event_{self._sent_count}", "type": event_type, **values}
        await self._socket.send_json(event)


_SESSION_AT_FIRST: dict[str, Any] = {
    "type": "transcription",
    "object": "realtime.transcription_session",
    "id": "sess_1",
    "audio": {"input": {"format": {"type": "audio/pcm", "rate": RATE_HZ}, "transcription": None}},
}

_FIELDS = {
    "session.update": {"session"},
    "input_audio_buffer.append": {"audio"},
    "input_audio_buffer.commit": set[str](),
}


def _checked_event(text: str) -> dict[str, Any]:
    """Parse a client event of a known type with exactly its fields."""
    try:
        event = json.loads(text)
    except ValueError:
        raise _Refusal("Invalid JSON", code="invalid_json") from None
    if not isinstance(event, dict) or event.get("type") not in _FIELDS:
        raise _Refusal("Invalid type", code="invalid_value", param="type")
    needed = _FIELDS[event["type"]]
    if missing := needed - event.keys():
        raise _Refusal(f"Missing {missing}", code="missing_required_parameter")
    _refuse_unknown(event, needed | {"type", "event_id"}, "")
    return event


def _check_session(session: dict[str, Any]) -> None:
    """Refuse any configuration but that of a transcription session without turn detection."""
    _refuse_unknown(session, {"type", "audio", "include"}, "session.")
    if session.get("type") != "transcription":
        message = "Passing a realtime session update event to a transcription session"
        raise _Refusal(message, code="invalid_value", param="session.type")
    _refuse_unknown(session["audio"], {"input"}, "session.audio.")
    heard = session["audio"]["input"]
    path = "session.audio.input."
    _refuse_unknown(heard, {"format", "noise_reduction", "transcription", "turn_detection"}, path)
    if heard.get("format") != {"type": "audio/pcm", "rate": RATE_HZ}:
        raise _Refusal("Invalid format", code="invalid_value", param=path + "format")
    if heard.get("turn_detection", {}) is not None:
        raise _Refusal("Turn detection", code="invalid_value", param=path + "turn_detection")
    _check_transcription(heard.get("transcription") or {}, path + "transcription.")


def _check_transcription(transcription: dict[str, Any], path: str) -> None:
    if transcription.get("model") not in MODELS:
        raise _Refusal("Invalid model", code="invalid_model", param=path + "model")
    takes_list = transcription["model"] in LANGUAGE_LIST_MODELS
    language = {"languages", "keywords"} if takes_list else {"language"}
    _refuse_unknown(transcription, {"model", "prompt", *language}, path)
    for code in transcription.get("languages", [transcription.get("language", "en")]):
        if not (len(code) in (2, 3) and code.islower()):
            raise _Refusal("Invalid language", code="invalid_value", param=path + "language")


def _refuse_unknown(values: dict[str, Any], known: set[str], path: str) -> None:
    for name in values.keys() - known:
        message = f"Unknown parameter: '{path}{name}'."
        raise _Refusal(message, code="unknown_parameter", param=path + name)


def _refused(status: int, code: str, retry_after: str = "") -> web.Response:
    headers = {"Retry-After": retry_after} if retry_after else {}
    error = {"message": "secret words", "type": "error", "code": code, "param": None}
    return web.json_response({"error": error}, status=status, headers=headers)


def _nth(texts: tuple[str, ...], number: int) -> str:
    return texts[number] if number < len(texts) else ""
