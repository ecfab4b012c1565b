"""The voice API of the bridge: the routes of every dialect, over one hub of sessions."""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

from aiohttp import hdrs, web

from cedar_voice_bridge.auth.gate import Gate
from cedar_voice_bridge.auth.tickets import Caller
from cedar_voice_bridge.dialects.protocol import (
    BridgeServices,
    DialectSpec,
    HttpRoute,
    SocketRoute,
    expand_path,
)
from cedar_voice_bridge.endpoints.websocket import WebSocketEndpoint
from cedar_voice_bridge.http import cors
from cedar_voice_bridge.http.forms import Form, read_form
from cedar_voice_bridge.http.page import Handler
from cedar_voice_bridge.sessions.event_log import EventLog
from cedar_voice_bridge.sessions.hub import Hub
from cedar_voice_bridge.sessions.service_session import ServiceSessions
from cedar_voice_bridge.sessions.shared_session import Response, SharedSession
from cedar_voice_bridge.sessions.upstream import Upstream
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_bridge.translation.configuration import chunk_by_chunk_config
from cedar_voice_client import Recovery, VoiceClient

Serve = Callable[[web.Request, Form, Caller], Awaitable[web.StreamResponse]]
"""A handler that is bound to the endpoint of its dialect."""


class VoiceApi:
    """Serves the registered dialects.

    Args:
        dialects: in the order in which they are asked to accept a form.
        settings: of the bridge.
        gate: authenticates requests and sockets.
        client: opens the sessions of the service.
    """

    def __init__(
        self,
        dialects: Sequence[DialectSpec],
        settings: BridgeSettings,
        gate: Gate,
        client: VoiceClient,
    ) -> None:
        self._settings = settings
        self._gate = gate
        sessions = ServiceSessions(
            client,
            open_timeout_s=settings.sessions.open_timeout_ms / 1000,
            recovery=Recovery(give_up_after_s=settings.sessions.service_outage_ms / 1000),
        )
        self._hub = Hub(sessions, self._create_session)
        self._sockets: dict[str, WebSocketEndpoint] = {}
        self._requests: defaultdict[tuple[str, str], list[tuple[HttpRoute, Serve]]]
        self._requests = defaultdict(list)
        services = BridgeServices(settings, gate, self._hub)
        for dialect in dialects:
            self._add(dialect, services)

    def _add(self, dialect: DialectSpec, services: BridgeServices) -> None:
        for socket in dialect.sockets:
            self._sockets[socket.path] = self._socket_endpoint(socket)
        endpoint = dialect.open_endpoint(services) if dialect.open_endpoint else None
        for route in dialect.requests:
            serve = partial(route.handle, endpoint)
            self._requests[route.method, route.path].append((route, serve))

    def routes(self, index: Handler) -> list[web.RouteDef]:
        """Return all routes; `/` serves `index`, or a dialect's socket to a request for one."""
        base_paths = self._settings.base_paths
        sockets = {
            path: endpoint.handle
            for template, endpoint in self._sockets.items()
            for path in expand_path(template, base_paths)
        }
        root = _socket_or_page(sockets.pop("/", index), index)
        gets, posts = self._handlers(hdrs.METH_GET), self._handlers(hdrs.METH_POST)
        posts |= dict.fromkeys(expand_path("{base}/tickets", base_paths), self._gate.issue_ticket)
        return [
            web.get("/", root),
            *(web.get(*each, allow_head=False) for each in (sockets | gets).items()),
            *(web.post(*each) for each in posts.items()),
            *(web.options(path, cors.preflight) for path in gets | posts),
        ]

    def _handlers(self, method: str) -> dict[str, Handler]:
        """Return the handlers of all requests of a method, by path."""
        return {
            path: partial(self._serve, candidates)
            for (each, template), candidates in self._requests.items()
            if each == method
            for path in expand_path(template, self._settings.base_paths)
        }

    async def serving(self, _: web.Application) -> AsyncIterator[None]:
        """Hold the sessions for as long as the application serves."""
        async with self._hub:
            yield

    @property
    def is_draining(self) -> bool:
        """Whether the bridge stops, so that no session is begun."""
        return self._hub.is_draining

    async def drain(self, timeout_s: float) -> None:
        """Begin no more sessions, notify the browsers, and wait for the turns in progress."""
        await self._hub.drain(timeout_s)

    async def stop(self, _: web.Application) -> None:
        """Close every socket and event stream: the bridge stops."""
        self._hub.close()
        for endpoint in self._sockets.values():
            await endpoint.close()

    async def _serve(
        self, candidates: Sequence[tuple[HttpRoute, Serve]], request: web.Request
    ) -> web.StreamResponse:
        """Authenticate a request, read its form, and serve it by the first route that accepts it.

        If no route accepts the form, the last one serves it and reports the error.
        """
        caller = await self._gate.admit(request)
        form = Form()
        if request.method == hdrs.METH_POST:
            form = await read_form(request, self._settings.browsers.max_upload_bytes)
        accepting = (serve for route, serve in candidates if route.accepts(form))
        serve = next(accepting, candidates[-1][1])
        return await serve(request, form, caller)

    def _socket_endpoint(self, route: SocketRoute) -> WebSocketEndpoint:
        return WebSocketEndpoint(
            self._settings.browsers, self._gate, self._hub, route.open_translator, route.readers
        )

    def _create_session(self, session_id: str, caller: Caller) -> SharedSession:
        events: EventLog[Response] = EventLog(
            self._settings.sessions.session_history_bytes, size_of=Response.ByteSize
        )
        upstream = Upstream(self._settings.browsers.send_timeout_ms / 1000)
        return SharedSession(chunk_by_chunk_config(session_id), caller, events, upstream)


def _socket_or_page(socket: Handler, page: Handler) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        is_socket = request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
        return await (socket if is_socket else page)(request)

    return handle
