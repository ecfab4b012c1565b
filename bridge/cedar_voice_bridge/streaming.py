"""Cedar's streaming clients: uploads in chunks, an event stream, and a socket, of one session."""

import asyncio
from dataclasses import dataclass
from uuid import uuid4

import msgspec
from aiohttp import web

import cedar_voice.v1 as pb
from cedar_voice_bridge import endings
from cedar_voice_bridge.browser import Browser, BrowserGone
from cedar_voice_bridge.dialects.cedar_os import configuration_of
from cedar_voice_bridge.dialects.cedar_websocket.requests import pieces_of
from cedar_voice_bridge.dialects.problems import DialectError
from cedar_voice_bridge.dialects.recordings import begins_recording
from cedar_voice_bridge.dialects.streaming import PING, StreamingSeed
from cedar_voice_bridge.endings import Ending
from cedar_voice_bridge.entrance import Entrance, session_id_of
from cedar_voice_bridge.event_stream import EventStream
from cedar_voice_bridge.forms import Form
from cedar_voice_bridge.history import ConversationOver, Reader, ReadersLag
from cedar_voice_bridge.hub import Conversation, Hub
from cedar_voice_bridge.refusals import Refusal, refusal_of
from cedar_voice_client import VoiceClientError

PING_INTERVAL_S = 30.0
"""How long an event stream is silent at most."""

Frames = tuple[str, ...]


class PartialResult(msgspec.Struct, rename="camel"):
    """What the user is believed to be saying so far; null is a recognizer that does not tell."""

    partial_transcription: str
    confidence: float | None


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One upload."""

    session_id: str
    audio: bytes
    is_complete: bool
    config: pb.SessionConfig


class StreamingEndpoint:
    """Answers uploads and event streams.

    Args:
        entrance: who is let in.
        hub: the sessions.
        send_timeout_s: longest wait for a browser to take an event.
    """

    def __init__(self, entrance: Entrance, hub: Hub[Frames], *, send_timeout_s: float) -> None:
        self._entrance = entrance
        self._hub = hub
        self._send_timeout_s = send_timeout_s

    async def upload(self, request: web.Request, form: Form, token: str | None) -> web.Response:
        """Take a chunk of a recording, and answer at once with what is known."""
        try:
            chunk = _chunk_of(request, form)
            conversation = await self._hub.conversation(chunk.session_id, token)
            if chunk.is_complete:
                await conversation.line.until_quiet()
            await conversation.upload(_requests_of(chunk, conversation))
        except Refusal as refusal:
            return refusal.response(as_text=True)
        except (VoiceClientError, DialectError) as failure:
            return refusal_of(failure).response(as_text=True)
        latest = conversation.latest
        confidence = latest.confidence if latest.HasField("confidence") else None
        body = msgspec.json.encode(PartialResult(latest.text, confidence))
        return web.Response(body=body, content_type="application/json")

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream what the session says, from where the browser left it.

        Raises:
            Refusal: the request cannot be served.
            VoiceClientError: there is no session; the class says why.
        """
        token = self._entrance.admit(request)
        name = request.query.get("sessionId", "")
        if not name:
            raise Refusal(400, "invalid_message", "Session ID required", field="sessionId")
        conversation = await self._hub.conversation(session_id_of(name), token)
        place = request.headers.get("Last-Event-ID") or request.query.get("lastEventId", "")
        stream = EventStream(request, send_timeout_s=self._send_timeout_s)
        try:
            await stream.open()
            with conversation.read(_number_of(place, conversation.tag), kind="events") as reader:
                await self._copy(reader, stream, conversation.tag)
        except BrowserGone:
            pass
        return stream.response

    async def _copy(self, reader: Reader[Frames], stream: EventStream, tag: str) -> None:
        while True:
            try:
                async with asyncio.timeout(PING_INTERVAL_S):
                    entry = await reader.next()
            except TimeoutError:
                await stream.send((PING,))
                continue
            except (ConversationOver, ReadersLag) as over:
                await stream.send(StreamingSeed().give_up(_reason(over)))
                return
            await stream.send(entry.item, place=f"{tag}-{entry.number}")
            reader.delivered(entry)


class StreamingConnection:
    """A socket that shares its session. See `Connection`."""

    def __init__(self, browser: Browser, entrance: Entrance, hub: Hub[Frames]) -> None:
        self._browser = browser
        self._entrance = entrance
        self._hub = hub
        self._dialect = StreamingSeed()

    async def run(self, request: web.Request) -> Ending:
        """Admit the browser, find its session, copy; how the socket is to be closed."""
        try:
            token = await self._entrance.token_of_socket(request, self._browser, self._dialect)
            if not self._entrance.admits(token):
                return endings.UNAUTHORIZED
            return await self._converse(request.query.get("sessionId", ""), token)
        except BrowserGone:
            return endings.GONE

    async def _converse(self, name: str, token: str | None) -> Ending:
        session_id = session_id_of(name) if name else str(uuid4())
        try:
            conversation = await self._hub.conversation(session_id, token)
        except VoiceClientError as failure:
            await self._browser.say(self._dialect.give_up(endings.public_message(failure)))
            return endings.refused(failure)
        async with asyncio.TaskGroup() as group:
            downward = group.create_task(self._copy_down(conversation))
            upward = group.create_task(self._copy_up(conversation))
            await asyncio.wait((downward, upward), return_when=asyncio.FIRST_COMPLETED)
            downward.cancel()
            upward.cancel()
        return (upward if downward.cancelled() else downward).result()

    async def _copy_up(self, conversation: Conversation[Frames]) -> Ending:
        try:
            while True:
                try:
                    requests = self._dialect.decode(await self._browser.read())
                    await conversation.line.send(requests)
                except DialectError as problem:
                    await self._browser.say(self._dialect.refuse(problem))
        except BrowserGone:
            return endings.GONE
        except VoiceClientError as failure:
            return endings.broken(failure)

    async def _copy_down(self, conversation: Conversation[Frames]) -> Ending:
        with conversation.read(kind="socket") as reader:
            try:
                while True:
                    entry = await reader.next()
                    await self._browser.say(entry.item)
                    reader.delivered(entry)
            except BrowserGone:
                return endings.GONE
            except (ConversationOver, ReadersLag) as over:
                await self._browser.say(self._dialect.give_up(_reason(over)))
                failure = over.__cause__
                if isinstance(failure, VoiceClientError):
                    return endings.broken(failure)
                return endings.STOPPING


def _chunk_of(request: web.Request, form: Form) -> _Chunk:
    name = form.text("sessionId") or request.query.get("sessionId", "")
    if not name:
        raise Refusal(400, "invalid_message", "Session ID required", field="sessionId")
    audio = form.files.get("audioChunk", b"")
    is_complete = form.text("isComplete").strip().lower() == "true"
    if not audio and not is_complete:
        raise Refusal(400, "invalid_message", "audioChunk: is missing", field="audioChunk")
    config = configuration_of(form.text("settings"), form.text("context"))
    if audio:  # who uploads says where the turn ends
        config.turn_detection.mode = pb.TURN_DETECTION_MODE_MANUAL
    return _Chunk(session_id_of(name), audio, is_complete, config)


def _requests_of(chunk: _Chunk, conversation: Conversation[Frames]) -> list[pb.VoiceSessionRequest]:
    """What an upload asks of the session.

    A recording begins with the header of its file, and a chunk that a slow connection brings after
    the end of its own recording does not interrupt the answer.

    Raises:
        Refusal: 422, the chunk belongs to no recording.
    """
    line = conversation.line
    requests: list[pb.VoiceSessionRequest] = []
    if chunk.audio and not line.is_recording:
        if not begins_recording(chunk.audio):
            raise Refusal(
                422,
                "audio_decode_failed",
                "audioChunk: the beginning of the recording is missing",
                field="audioChunk",
            )
        line.is_recording = True
        conversation.latest = pb.Transcription()
        start = pb.Control(start_listening=pb.StartListening())
        requests.append(pb.VoiceSessionRequest(control=start))
    requests = [*conversation.changes(chunk.config), *requests, *pieces_of(chunk.audio)]
    if chunk.is_complete:
        line.is_recording = False
        stop = pb.Control(stop_listening=pb.StopListening())
        requests.append(pb.VoiceSessionRequest(control=stop))
    return requests


def _number_of(place: str, tag: str) -> int | None:
    """The number in a `Last-Event-ID`, where it is of this conversation."""
    theirs, _, number = place.partition("-")
    return int(number) if theirs == tag and number.isdecimal() and len(number) < 16 else None


def _reason(over: Exception) -> str:
    failure = over.__cause__
    if isinstance(failure, VoiceClientError):
        return endings.public_message(failure)
    if isinstance(over, ReadersLag):
        return "events are not read"
    return "the session is over"
