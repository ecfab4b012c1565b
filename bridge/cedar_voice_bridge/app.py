"""The application of the bridge: the voice API, its documents, the page and the health checks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import grpc
import structlog
from aiohttp import web

from cedar_voice_bridge.auth.gate import Gate
from cedar_voice_bridge.dialects.protocol import DialectSpec
from cedar_voice_bridge.dialects.registry import DIALECTS
from cedar_voice_bridge.docs import documents
from cedar_voice_bridge.docs.asyncapi import asyncapi
from cedar_voice_bridge.docs.openapi import openapi
from cedar_voice_bridge.http import page
from cedar_voice_bridge.http.cors import origin_headers
from cedar_voice_bridge.http.origins import OriginPolicy
from cedar_voice_bridge.http.refusals import convert_refusals, mark_begun
from cedar_voice_bridge.routes import VoiceApi
from cedar_voice_bridge.settings import BridgeSettings, ServiceConnectionSettings
from cedar_voice_client import Unauthenticated, VoiceClient, VoiceClientError
from cedar_voice_shared.credentials import Verifier, check_exposure

log = structlog.get_logger("cedar_voice.bridge")

# Addresses of requests contain tokens, and so may malformed requests, which aiohttp logs.
# Exceptions of handlers are logged by our middleware.
_SILENT = logging.Logger("silent", level=logging.CRITICAL + 1)

_VOICE_API = web.AppKey("voice_api", VoiceApi)

READY_TIMEOUT_S = 1.0
"""Longest wait for the service to confirm that it serves."""

SHUTDOWN_TIMEOUT_S = 5.0
"""Longest time for requests to end once the bridge stops."""


async def serve(settings: BridgeSettings, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until cancelled; then wait for turns in progress, which a second cancellation cuts off.

    Args:
        settings: of the bridge.
        ready: called with the address once requests are answered.

    Raises:
        OSError: the address is not available.
        FileNotFoundError: the voice page is not installed.
    """
    drain_timeout_s = settings.drain_timeout_ms / 1000
    async with open_bridge(settings, drain_timeout_s=drain_timeout_s) as address:
        log.info("serving", http_address=address, grpc_address=settings.grpc.address)
        if ready is not None:
            ready(address)
        await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def open_bridge(
    settings: BridgeSettings,
    *,
    dialects: Sequence[DialectSpec] = DIALECTS,
    drain_timeout_s: float = 0.0,
) -> AsyncIterator[str]:
    """Serve for as long as the context lasts; gives the address with its real port.

    Args:
        settings: of the bridge.
        dialects: the dialects to serve.
        drain_timeout_s: longest wait for turns in progress when the context is cancelled; 0 for a
            bridge whose service stops with it.

    Raises:
        OSError: the address is not available.
        FileNotFoundError: the voice page is not installed.
        PermissionError: the address is public, and no token is required.
    """
    check_exposure(settings, settings.http_address)
    host, _, port = settings.http_address.rpartition(":")
    async with VoiceClient(settings.grpc.address, tls=_tls(settings.grpc)) as client:
        app = build(settings, client, dialects)
        runner = web.AppRunner(
            app, access_log=None, logger=_SILENT, shutdown_timeout=SHUTDOWN_TIMEOUT_S
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, host.strip("[]") or None, int(port))
            await site.start()
            yield f"{host}:{runner.addresses[0][1]}"
        except asyncio.CancelledError:
            await app[_VOICE_API].drain(drain_timeout_s)
            raise
        finally:
            await runner.cleanup()


def build(
    settings: BridgeSettings, client: VoiceClient, dialects: Sequence[DialectSpec] = DIALECTS
) -> web.Application:
    """Return the application: the dialects, their documents, the page and the health checks."""
    origins = OriginPolicy(settings.access.allowed_origins)
    verifier = Verifier(settings)
    api = VoiceApi(dialects, settings, Gate(origins, verifier, settings.access), client)
    root = page.folder()
    app = web.Application(middlewares=[convert_refusals])
    app[_VOICE_API] = api
    app.add_routes(api.routes(page.index(root)))
    health = [web.get("/healthz", _healthy), web.get("/readyz", partial(_ready, client, api))]
    over_http = openapi(settings.base_paths, dialects, needs_token=verifier.needs_token)
    app.add_routes([*health, documents.route("/openapi.json", over_http)])
    app.add_routes([documents.route("/asyncapi.json", asyncapi(settings.base_paths, dialects))])
    app.add_routes(page.routes(root))
    app.on_response_prepare.append(mark_begun)
    app.on_response_prepare.append(origin_headers(origins))
    app.on_response_prepare.append(_harden)
    app.cleanup_ctx.append(api.serving)
    app.on_shutdown.append(api.stop)
    return app


def _tls(settings: ServiceConnectionSettings) -> bool | grpc.ChannelCredentials:
    """Return the TLS credentials for the service; True for the system's, False for no TLS.

    Raises:
        OSError: a file cannot be read.
    """
    files = (settings.ca, settings.client_key, settings.client_certificate)
    if not any(files):
        return settings.tls
    ca, key, certificate = (Path(file).read_bytes() if file else None for file in files)
    return grpc.ssl_channel_credentials(ca, key, certificate)


async def _ready(client: VoiceClient, api: VoiceApi, _: web.Request) -> web.Response:
    """Respond 200 if sessions can be opened: the service serves, and the bridge does not stop."""
    if api.is_draining:
        return web.Response(status=503, text="the bridge stops\n")
    try:
        await client.service_info(timeout_s=READY_TIMEOUT_S)
    except Unauthenticated:
        pass  # the service is up; the bridge itself has no credentials
    except VoiceClientError:
        return web.Response(status=503, text="the voice service does not serve\n")
    return web.Response(text="ready\n")


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    """Forbid browsers to guess content types, and to pass on addresses, which may have a token."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")


async def _healthy(_: web.Request) -> web.Response:
    """Respond 200: the bridge is up. The service has a health check of its own."""
    return web.Response(text="ok\n")
