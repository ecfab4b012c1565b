"""The voice API as browsers see it: which path leads to which dialect."""

from collections.abc import AsyncIterator, Callable

from aiohttp import hdrs, web

from cedar_voice_bridge.auth.gate import Entrance
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.dialects.cedar_os.endpoint import ExchangeEndpoint
from cedar_voice_bridge.dialects.cedar_websocket.translator import CedarWebSocket
from cedar_voice_bridge.dialects.streaming.endpoint import StreamingEndpoint
from cedar_voice_bridge.dialects.streaming.translator import StreamingSeed
from cedar_voice_bridge.endpoints.websocket import (
    SocketConnection,
    SocketDialect,
    WebSocketEndpoint,
)
from cedar_voice_bridge.http import cors
from cedar_voice_bridge.http.forms import Form, read_form
from cedar_voice_bridge.http.page import Handler
from cedar_voice_bridge.sessions.event_log import History, ReaderKind
from cedar_voice_bridge.sessions.hub import Conversation, Hub, Response
from cedar_voice_bridge.sessions.service_session import Sessions
from cedar_voice_bridge.sessions.upstream import Line
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_bridge.translation.configuration import played_chunk_by_chunk
from cedar_voice_client import Recovery, VoiceClient

CEDAR = ReaderKind("cedar", is_single=True)
"""The sockets of voice slices: microphone and loudspeaker of one page, so the newest counts."""

STREAMING = ReaderKind("streaming")
"""The sockets of streaming clients."""


class Surface:
    """Every dialect, and what they share."""

    def __init__(self, settings: BridgeSettings, entrance: Entrance, client: VoiceClient) -> None:
        self._settings = settings
        sessions = Sessions(
            client,
            open_timeout_s=settings.open_timeout_ms / 1000,
            recovery=Recovery(give_up_after_s=settings.service_outage_ms / 1000),
        )
        self._entrance = entrance
        self._hub = Hub(sessions, self._conversation)
        waits = {
            "idle_s": settings.session_idle_ms / 1000,
            "send_timeout_s": settings.send_timeout_ms / 1000,
        }
        self._streaming = StreamingEndpoint(entrance, self._hub, **waits)
        self._exchange = ExchangeEndpoint(self._hub, **waits)
        self._cedar_sockets = self._sockets(CedarWebSocket, CEDAR)
        self._streaming_sockets = self._sockets(StreamingSeed, STREAMING)

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
                web.post(paths[3], self._entrance.sell),
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
        caller = await self._entrance.admit(request)
        return await read_form(request, self._settings.max_upload_bytes), caller

    def _sockets(self, dialect: Callable[[], SocketDialect], kind: ReaderKind) -> WebSocketEndpoint:
        return WebSocketEndpoint(
            self._settings,
            self._entrance,
            lambda browser: SocketConnection(browser, self._entrance, self._hub, dialect(), kind),
        )

    def _conversation(self, session_id: str, caller: Caller) -> Conversation:
        history: History[Response] = History(
            self._settings.session_history_bytes, size_of=Response.ByteSize
        )
        line = Line(self._settings.send_timeout_ms / 1000)
        return Conversation(played_chunk_by_chunk(session_id), caller, history, line)
