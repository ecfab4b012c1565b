"""Streaming clients over HTTP: uploads in chunks and an event stream, of one session."""

import asyncio
import re
from weakref import WeakKeyDictionary

import msgspec
from aiohttp import web

from cedar_voice_bridge.auth.gate import session_id_of
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.dialects.protocol import BridgeServices
from cedar_voice_bridge.dialects.streaming.frames import PartialResult
from cedar_voice_bridge.dialects.streaming.translator import PING, StreamingTranslator
from cedar_voice_bridge.dialects.streaming.uploads import SessionUploads, UploadedChunk
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
from cedar_voice_bridge.sessions.shared_session import BrowserPosition, Response, SharedSession
from cedar_voice_bridge.translation.configuration import form_config
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_client import VoiceClientError

PING_INTERVAL_S = 30.0
"""Longest time without an event in an event stream."""

EVENT_STREAMS = ReaderKind("events")


class StreamingEndpoint:
    """Serves uploads and event streams.

    A session is kept for the idle time of the settings after each upload and event stream.

    Args:
        services: the parts of the bridge.
    """

    def __init__(self, services: BridgeServices) -> None:
        self._gate = services.gate
        self._hub = services.hub
        self._idle_s = services.settings.sessions.session_idle_ms / 1000
        self._send_timeout_s = services.settings.browsers.send_timeout_ms / 1000
        self._uploads: WeakKeyDictionary[SharedSession, SessionUploads] = WeakKeyDictionary()

    async def upload(self, request: web.Request, form: Form, caller: Caller) -> web.Response:
        """Process a chunk of a recording, and respond at once with the transcript so far."""
        try:
            chunk = _chunk_of(request, form)
            session = await self._hub.session(chunk.session_id, caller)
            uploads = self._uploads_of(session)
            with session.open_reader():  # keeps the session meanwhile
                await uploads.send(chunk, session)
            session.upstream.extend_lease(self._idle_s)  # not for a refused chunk
        except HttpRefusal as refusal:
            return refusal.response(as_text=True)
        except (VoiceClientError, DialectError) as failure:
            return refusal_of(failure).response(as_text=True)
        latest = uploads.transcription(session)
        confidence = latest.confidence if latest.HasField("confidence") else None
        body = msgspec.json.encode(PartialResult(latest.text, confidence))
        return web.Response(body=body, content_type="application/json")

    async def events(self, request: web.Request, form: Form, caller: Caller) -> web.StreamResponse:
        """Stream the events of a session, from the position of the browser.

        Raises:
            HttpRefusal: the request cannot be served.
            VoiceClientError: there is no session; the class gives the reason.
        """
        name = request.query.get("sessionId", "")
        if not name:
            raise HttpRefusal(400, "invalid_message", "Session ID required", field="sessionId")
        session = await self._hub.session(session_id_of(name), caller)
        event_id = request.headers.get("Last-Event-ID") or request.query.get("lastEventId", "")
        stream = EventStream(request, send_timeout_s=self._send_timeout_s)
        try:
            await stream.open()
            after = session.last_number_at(position_of(event_id))
            with session.open_reader(after, kind=EVENT_STREAMS, keep_s=self._idle_s) as reader:
                async with asyncio.timeout(self._gate.remaining_s(caller)):
                    await _copy(reader, stream)
        except TimeoutError:
            await stream.send_last(StreamingTranslator().close(close_codes.EXPIRED.error))
        except BrowserLags:
            await stream.send_last(StreamingTranslator().close(close_codes.lagging().error))
        except BrowserGone:
            pass
        return stream.response

    def _uploads_of(self, session: SharedSession) -> SessionUploads:
        if session not in self._uploads:
            self._uploads[session] = SessionUploads(is_inherited=session.is_inherited)
        return self._uploads[session]


async def _copy(reader: LogReader[Response], stream: EventStream) -> None:
    translator = StreamingTranslator()
    for response in reader.earlier_items:  # restores the state of the translator
        translator.encode(response)
    while True:
        try:
            async with asyncio.timeout(PING_INTERVAL_S):
                entry = await reader.next()
        except TimeoutError:
            await stream.send((PING,))
            continue
        except (SessionOver, ReaderReplaced, ReaderLagged) as over:
            await stream.send(translator.close(close_for(over).error))
            return
        if frames := translator.encode(entry.item):
            await stream.send(frames, event_id=_event_id_of(entry.item))
            reader.record_delivery(entry, ends_turn=translator.ends_turn(frames[-1]))


def _chunk_of(request: web.Request, form: Form) -> UploadedChunk:
    name = form.text("sessionId") or request.query.get("sessionId", "")
    if not name:
        raise HttpRefusal(400, "invalid_message", "Session ID required", field="sessionId")
    audio = form.files.get("audioChunk", b"")
    is_complete = form.text("isComplete").strip().lower() == "true"
    if not audio and not is_complete:
        raise form.missing("audioChunk")
    config = form_config(form.text("settings"), form.text("context"))
    return UploadedChunk(session_id_of(name), audio, is_complete, config)


def _event_id_of(response: Response) -> str:
    """Return the `id` of an event; empty for one without a sequence number."""
    return f"{response.term}-{response.sequence}" if response.sequence else ""


def position_of(event_id: str) -> BrowserPosition | None:
    """Return the position in a `Last-Event-ID`; None for an invalid one."""
    found = re.fullmatch(r"([0-9]{1,9})-([0-9]{1,15})", event_id)
    return BrowserPosition(int(found[2]), int(found[1])) if found else None
