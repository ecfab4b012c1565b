"""`cedar-voice serve`: service and bridge in one process, on one loop."""

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import typer

from cedar_voice_cli.flags import Given, load, with_flags
from cedar_voice_cli.running import run_server
from cedar_voice_cli.startup import connectable, page_url, print_ready

if TYPE_CHECKING:
    from cedar_voice_bridge.settings import BridgeSettings
    from cedar_voice_service.settings import ServiceSettings

app = typer.Typer()


@app.command()
@with_flags("service", "bridge")
def serve(given: Given) -> None:
    """Run everything in one process: the gRPC service, the browser bridge and the voice page."""
    service, bridge = load("service", given), load("bridge", given)
    from cedar_voice_service.errors import EngineError
    from cedar_voice_service.providers.registry import EngineMissing
    from cedar_voice_shared.logs import configure_logs

    configure_logs(service.log_level, service.log_format)
    addresses = {"--grpc-address": service.grpc.address, "--http-address": bridge.http_address}
    run_server(_serve(service, bridge), addresses, (EngineMissing, EngineError))


async def _serve(service: "ServiceSettings", bridge: "BridgeSettings") -> None:
    """Run the service, and the bridge as its client, until cancelled.

    The bridge opens last and closes last: the service completes turns in progress, and their
    answers reach browsers through the bridge.
    """
    from cedar_voice_bridge.app import open_bridge
    from cedar_voice_service.providers.catalog import describe
    from cedar_voice_service.server import open_server

    async with AsyncExitStack() as bridge_stack, open_server(service) as (grpc_address, engines):
        grpc = bridge.grpc.model_copy(update={"address": connectable(grpc_address)})
        connected = bridge.model_copy(update={"grpc": grpc})
        http_address = await bridge_stack.enter_async_context(open_bridge(connected))
        print_ready({"page": page_url(http_address), "gRPC": grpc_address}, describe(engines))
        await asyncio.get_running_loop().create_future()
