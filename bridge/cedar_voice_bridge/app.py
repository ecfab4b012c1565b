"""The map of the bridge: its routes, and what lives as long as it serves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import grpc
import structlog
from aiohttp import web

from cedar_voice_bridge.auth.gate import Gate
from cedar_voice_bridge.docs import documents
from cedar_voice_bridge.docs.asyncapi import asyncapi
from cedar_voice_bridge.docs.openapi import openapi
from cedar_voice_bridge.http import page
from cedar_voice_bridge.http.cors import origin_headers
from cedar_voice_bridge.http.origins import OriginPolicy
from cedar_voice_bridge.http.refusals import answering, convert_refusals
from cedar_voice_bridge.routes import VoiceApi
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_client import Unauthenticated, VoiceClient, VoiceClientError
from cedar_voice_shared.credentials import Verifier, check_exposure

log = structlog.get_logger("cedar_voice.bridge")

# Addresses of requests hold tokens, and so do pieces of what is no request, which aiohttp shows.
# What handlers raise is logged by our middleware.
_SILENT = logging.Logger("silent", level=logging.CRITICAL + 1)

_SURFACE = web.AppKey("surface", VoiceApi)

READY_TIMEOUT_S = 1.0
"""How long the service may take to say that it serves."""

SHUTDOWN_TIMEOUT_S = 5.0
"""How long requests may take to end once the bridge stops."""


async def serve(settings: BridgeSettings, *, ready: Callable[[str], None] | None = None) -> None:
    """Serve until cancelled. Turns in progress may end then; cancelled again, they are cut off.

    Args:
        settings: how.
        ready: called with the address once requests are answered.

    Raises:
        OSError: the address cannot be listened on.
        FileNotFoundError: the voice page is not installed.
    """
    drain_timeout_s = settings.drain_timeout_ms / 1000
    async with open_bridge(settings, drain_timeout_s=drain_timeout_s) as address:
        log.info("serving", http_address=address, grpc_address=settings.grpc_address)
        if ready is not None:
            ready(address)
        await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def open_bridge(
    settings: BridgeSettings, *, drain_timeout_s: float = 0.0
) -> AsyncIterator[str]:
    """Serve for as long as the context lasts; gives the address with its real port.

    Args:
        settings: how.
        drain_timeout_s: how long turns in progress may take when the context is cancelled; a
            bridge whose service stops with it has none.

    Raises:
        OSError: the address cannot be listened on.
        FileNotFoundError: the voice page is not installed.
        PermissionError: everyone would be let in from everywhere.
    """
    check_exposure(settings, settings.http_address)
    host, _, port = settings.http_address.rpartition(":")
    async with VoiceClient(settings.grpc_address, tls=_tls(settings)) as client:
        app = build(settings, client)
        runner = web.AppRunner(
            app, access_log=None, logger=_SILENT, shutdown_timeout=SHUTDOWN_TIMEOUT_S
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, host.strip("[]") or None, int(port))
            await site.start()
            yield f"{host}:{runner.addresses[0][1]}"
        except asyncio.CancelledError:
            await app[_SURFACE].drain(drain_timeout_s)
            raise
        finally:
            await runner.cleanup()


def build(settings: BridgeSettings, client: VoiceClient) -> web.Application:
    """The application: every dialect, their documents, the page, the health check."""
    admission = OriginPolicy(settings.allowed_origins)
    verifier = Verifier(settings)
    surface = VoiceApi(settings, Gate(admission, verifier, settings), client)
    root = page.folder()
    app = web.Application(middlewares=[convert_refusals])
    app[_SURFACE] = surface
    app.add_routes(surface.routes(page.index(root)))
    health = [web.get("/healthz", _healthy), web.get("/readyz", partial(_ready, client, surface))]
    over_http = openapi(settings.base_paths, needs_token=verifier.needs_token)
    app.add_routes([*health, documents.route("/openapi.json", over_http)])
    app.add_routes([documents.route("/asyncapi.json", asyncapi(settings.base_paths))])
    app.add_routes(page.routes(root))
    app.on_response_prepare.append(answering)
    app.on_response_prepare.append(origin_headers(admission))
    app.on_response_prepare.append(_harden)
    app.cleanup_ctx.append(surface.serving)
    app.on_shutdown.append(surface.stop)
    return app


def _tls(settings: BridgeSettings) -> bool | grpc.ChannelCredentials:
    """How the service is connected to.

    Raises:
        OSError: a file cannot be read.
    """
    files = (settings.grpc_ca, settings.grpc_client_key, settings.grpc_client_certificate)
    if not any(files):
        return settings.grpc_tls
    ca, key, certificate = (Path(file).read_bytes() if file else None for file in files)
    return grpc.ssl_channel_credentials(ca, key, certificate)


async def _ready(client: VoiceClient, surface: VoiceApi, _: web.Request) -> web.Response:
    """Whether conversations can be opened: the service takes some, and nothing stops."""
    if surface.is_draining:
        return web.Response(status=503, text="the bridge stops\n")
    try:
        await client.service_info(timeout_s=READY_TIMEOUT_S)
    except Unauthenticated:
        pass  # it knows its users, and the bridge is none
    except VoiceClientError:
        return web.Response(status=503, text="the voice service does not serve\n")
    return web.Response(text="ready\n")


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    """No answer is taken for something that it is not, and no address, with its token, told on."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")


async def _healthy(_: web.Request) -> web.Response:
    """The bridge answers; whether the service does is what the service's own health check says."""
    return web.Response(text="ok\n")
