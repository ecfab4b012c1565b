"""Cedar's streaming clients over HTTP: uploads in chunks, and an event stream, of one session."""

import asyncio
import re
from dataclasses import dataclass

import msgspec
from aiohttp import web

import cedar_voice.v1 as pb
from cedar_voice_bridge.auth.gate import Gate, session_id_of
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.dialects.cedar_os.translator import configuration_of
from cedar_voice_bridge.dialects.cedar_websocket.requests import pieces_of
from cedar_voice_bridge.dialects.streaming.translator import PING, StreamingTranslator
from cedar_voice_bridge.http import close_codes
from cedar_voice_bridge.http.browser_socket import BrowserGone, BrowserLags
from cedar_voice_bridge.http.event_stream import EventStream
from cedar_voice_bridge.http.forms import Form
from cedar_voice_bridge.http.refusals import HttpRefusal, refusal_of
from cedar_voice_bridge.sessions.event_log import (
    LogReader,
    ReaderKind,
    ReaderLagged,
    ReaderReplaced,
    SessionOver,
    close_for,
)
from cedar_voice_bridge.sessions.hub import BrowserPosition, Hub, Response, SharedSession
from cedar_voice_bridge.sessions.shared_config import profile_of
from cedar_voice_bridge.translation.configuration import chunk_by_chunk_config
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_client import VoiceClientError
from cedar_voice_shared.containers import recognize

PING_INTERVAL_S = 30.0
"""How long an event stream is silent at most."""

EVENTS = ReaderKind("events")

UPLOADED = profile_of(chunk_by_chunk_config(""))
"""Who uploads says where the turn ends."""
UPLOADED.turn_detection.mode = pb.TURN_DETECTION_MODE_MANUAL


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
        gate: who is let in.
        hub: the sessions.
        idle_s: how long a session waits for the next upload or event stream.
        send_timeout_s: longest wait for a browser to take an event.
    """

    def __init__(self, gate: Gate, hub: Hub, *, idle_s: float, send_timeout_s: float) -> None:
        self._gate = gate
        self._hub = hub
        self._idle_s = idle_s
        self._send_timeout_s = send_timeout_s

    async def upload(self, request: web.Request, form: Form, caller: Caller) -> web.Response:
        """Take a chunk of a recording, and answer at once with what is known."""
        try:
            chunk = _chunk_of(request, form)
            conversation = await self._hub.conversation(chunk.session_id, caller)
            with conversation.read():  # somebody is here
                if chunk.is_complete:
                    await conversation.upstream.wait_quiet()
                await conversation.upload(_requests_of(chunk, conversation))
            conversation.upstream.keep(self._idle_s)  # not for one that is refused
        except HttpRefusal as refusal:
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
            HttpRefusal: the request cannot be served.
            VoiceClientError: there is no session; the class says why.
        """
        caller = await self._gate.admit(request)
        name = request.query.get("sessionId", "")
        if not name:
            raise HttpRefusal(400, "invalid_message", "Session ID required", field="sessionId")
        conversation = await self._hub.conversation(session_id_of(name), caller)
        place = request.headers.get("Last-Event-ID") or request.query.get("lastEventId", "")
        stream = EventStream(request, send_timeout_s=self._send_timeout_s)
        try:
            await stream.open()
            after = conversation.last_number_at(position_of(place))
            with conversation.read(after, kind=EVENTS, keep_s=self._idle_s) as reader:
                async with asyncio.timeout(self._gate.remaining_s(caller)):
                    await _copy(reader, stream)
        except TimeoutError:
            await stream.leave(StreamingTranslator().close(close_codes.EXPIRED.error))
        except BrowserLags:
            await stream.leave(StreamingTranslator().close(close_codes.lagging().error))
        except BrowserGone:
            pass
        return stream.response


async def _copy(reader: LogReader[Response], stream: EventStream) -> None:
    dialect = StreamingTranslator()
    for response in reader.passed:
        dialect.encode(response)
    while True:
        try:
            async with asyncio.timeout(PING_INTERVAL_S):
                entry = await reader.next()
        except TimeoutError:
            await stream.send((PING,))
            continue
        except (SessionOver, ReaderReplaced, ReaderLagged) as over:
            await stream.send(dialect.close(close_for(over).error))
            return
        if frames := dialect.encode(entry.item):
            await stream.send(frames, place=_place_of(entry.item))
            reader.delivered(entry, ends_turn=dialect.ends_turn(frames[-1]))


def _chunk_of(request: web.Request, form: Form) -> _Chunk:
    name = form.text("sessionId") or request.query.get("sessionId", "")
    if not name:
        raise HttpRefusal(400, "invalid_message", "Session ID required", field="sessionId")
    audio = form.files.get("audioChunk", b"")
    is_complete = form.text("isComplete").strip().lower() == "true"
    if not audio and not is_complete:
        raise form.missing("audioChunk")
    config = configuration_of(form.text("settings"), form.text("context"))
    return _Chunk(session_id_of(name), audio, is_complete, config)


def _requests_of(chunk: _Chunk, conversation: SharedSession) -> list[pb.VoiceSessionRequest]:
    """What an upload asks of the session.

    A recording begins with the header of its file, and a chunk that a slow connection brings after
    the end of its own recording does not interrupt the answer.

    Raises:
        HttpRefusal: 422, the chunk belongs to no recording.
    """
    requests = conversation.shared_config.change_to(chunk.config)
    if chunk.audio:
        requests += conversation.shared_config.adopt_profile(UPLOADED)
    begins = recognize(chunk.audio).may_begin
    if chunk.audio and not begins and conversation.is_recording is False:
        raise HttpRefusal(
            422,
            "audio_decode_failed",
            "audioChunk: the beginning of the recording is missing",
            field="audioChunk",
        )
    if chunk.audio and begins and not conversation.is_recording:
        conversation.latest = pb.Transcription()
        start = pb.Control(start_listening=pb.StartListening())
        requests.append(pb.VoiceSessionRequest(control=start))
    requests += pieces_of(chunk.audio)
    conversation.is_recording = not chunk.is_complete
    if chunk.is_complete:
        stop = pb.Control(stop_listening=pb.StopListening())
        requests.append(pb.VoiceSessionRequest(control=stop))
    return requests


def _place_of(response: Response) -> str:
    """The `id` of an event; what has no place in the session's sequence has none."""
    return f"{response.term}-{response.sequence}" if response.sequence else ""


def position_of(place: str) -> BrowserPosition | None:
    """What a `Last-Event-ID` says; None for nonsense."""
    found = re.fullmatch(r"([0-9]{1,9})-([0-9]{1,15})", place)
    return BrowserPosition(int(found[2]), int(found[1])) if found else None
