"""`cedar-voice service`: the gRPC service alone."""

import typer

from cedar_voice_cli.flags import Given, load, with_flags
from cedar_voice_cli.running import run_server
from cedar_voice_cli.startup import print_ready

app = typer.Typer()


@app.command()
@with_flags("service")
def service(given: Given) -> None:
    """Run the gRPC service alone."""
    settings = load("service", given)
    from cedar_voice_service.errors import EngineError
    from cedar_voice_service.providers.catalog import describe
    from cedar_voice_service.providers.engines import Engines
    from cedar_voice_service.providers.registry import EngineMissing
    from cedar_voice_service.server import serve
    from cedar_voice_shared.logs import configure_logs

    def ready(address: str, engines: Engines) -> None:
        print_ready({"gRPC": address}, describe(engines))

    configure_logs(settings.log_level, settings.log_format)
    addresses = {"--grpc-address": settings.grpc.address}
    run_server(serve(settings, ready=ready), addresses, (EngineMissing, EngineError))
