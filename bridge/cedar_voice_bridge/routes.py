"""The voice API as browsers see it: which path leads to which dialect."""

from collections.abc import AsyncIterator, Callable

from aiohttp import hdrs, web

from cedar_voice_bridge.auth.gate import Gate
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.dialects.cedar_os.endpoint import CedarOsEndpoint
from cedar_voice_bridge.dialects.cedar_websocket.translator import CedarWebSocketTranslator
from cedar_voice_bridge.dialects.streaming.endpoint import StreamingEndpoint
from cedar_voice_bridge.dialects.streaming.translator import StreamingTranslator
from cedar_voice_bridge.endpoints.websocket import (
    SocketConnection,
    SocketTranslator,
    WebSocketEndpoint,
)
from cedar_voice_bridge.http import cors
from cedar_voice_bridge.http.forms import Form, read_form
from cedar_voice_bridge.http.page import Handler
from cedar_voice_bridge.sessions.event_log import EventLog, ReaderKind
from cedar_voice_bridge.sessions.hub import Hub, Response, SharedSession
from cedar_voice_bridge.sessions.service_session import ServiceSessions
from cedar_voice_bridge.sessions.upstream import Upstream
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_bridge.translation.configuration import chunk_by_chunk_config
from cedar_voice_client import Recovery, VoiceClient

CEDAR = ReaderKind("cedar", is_single=True)
"""The sockets of voice slices: microphone and loudspeaker of one page, so the newest counts."""

STREAMING = ReaderKind("streaming")
"""The sockets of streaming clients."""


class VoiceApi:
    """Every dialect, and what they share."""

    def __init__(self, settings: BridgeSettings, gate: Gate, client: VoiceClient) -> None:
        self._settings = settings
        sessions = ServiceSessions(
            client,
            open_timeout_s=settings.open_timeout_ms / 1000,
            recovery=Recovery(give_up_after_s=settings.service_outage_ms / 1000),
        )
        self._gate = gate
        self._hub = Hub(sessions, self._conversation)
        waits = {
            "idle_s": settings.session_idle_ms / 1000,
            "send_timeout_s": settings.send_timeout_ms / 1000,
        }
        self._streaming = StreamingEndpoint(gate, self._hub, **waits)
        self._exchange = CedarOsEndpoint(self._hub, **waits)
        self._cedar_sockets = self._sockets(CedarWebSocketTranslator, CEDAR)
        self._streaming_sockets = self._sockets(StreamingTranslator, STREAMING)

    def routes(self, index: Handler) -> list[web.RouteDef]:
        """The routes of the API; `/` is a socket for whoever asks for one, else `index`."""

        async def root(request: web.Request) -> web.StreamResponse:
            is_socket = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
            return await (self._streaming_sockets.handle if is_socket else index)(request)

        routes = [web.get("/", root)]
        for base in self._settings.base_paths:
            paths = (
                base or "/",
                *(f"{base}/{name}" for name in ("stream", "stream-response", "tickets")),
            )
            routes += [
                web.get(f"{base}/ws", self._cedar_sockets.handle, allow_head=False),
                web.post(paths[0], self._answer),
                web.post(paths[1], self._stream),
                web.get(paths[2], self._streaming.events, allow_head=False),
                web.post(paths[3], self._gate.issue_ticket),
                *(web.options(path, cors.preflight) for path in paths),
            ]
        return routes

    async def serving(self, _: web.Application) -> AsyncIterator[None]:
        """Hold the sessions for as long as the application serves."""
        async with self._hub:
            yield

    @property
    def is_draining(self) -> bool:
        """Whether no conversation is begun any more."""
        return self._hub.is_draining

    async def drain(self, timeout_s: float) -> None:
        """Begin no conversation, tell the browsers, and let turns in progress end."""
        await self._hub.drain(timeout_s)

    async def stop(self, _: web.Application) -> None:
        """Let go of every browser: the bridge stops."""
        self._hub.close()
        await self._cedar_sockets.close()
        await self._streaming_sockets.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        form, caller = await self._form(request)
        return await self._exchange.answer(request, form, caller)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """Two dialects post here: `audio` is a whole recording, `audioChunk` a piece of one."""
        form, caller = await self._form(request)
        if "audio" in form.files or "audio" in form.fields:
            return await self._exchange.stream(request, form, caller)
        return await self._streaming.upload(request, form, caller)

    async def _form(self, request: web.Request) -> tuple[Form, Caller]:
        caller = await self._gate.admit(request)
        return await read_form(request, self._settings.max_upload_bytes), caller

    def _sockets(
        self, dialect: Callable[[], SocketTranslator], kind: ReaderKind
    ) -> WebSocketEndpoint:
        return WebSocketEndpoint(
            self._settings,
            self._gate,
            lambda browser: SocketConnection(browser, self._gate, self._hub, dialect(), kind),
        )

    def _conversation(self, session_id: str, caller: Caller) -> SharedSession:
        history: EventLog[Response] = EventLog(
            self._settings.session_history_bytes, size_of=Response.ByteSize
        )
        line = Upstream(self._settings.send_timeout_ms / 1000)
        return SharedSession(chunk_by_chunk_config(session_id), caller, history, line)
