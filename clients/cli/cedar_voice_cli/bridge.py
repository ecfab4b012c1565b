"""`cedar-voice bridge`: the browser bridge alone, for a service at another address."""

import typer

from cedar_voice_cli.flags import Given, load, with_flags
from cedar_voice_cli.running import run_server
from cedar_voice_cli.startup import page_url, print_ready

app = typer.Typer()


@app.command()
@with_flags("bridge")
def bridge(given: Given) -> None:
    """Run the browser bridge alone, as a client of the service at --grpc-address."""
    settings = load("bridge", given)
    from cedar_voice_bridge.app import serve
    from cedar_voice_shared.logs import configure_logs

    def ready(address: str) -> None:
        print_ready({"page": page_url(address), "service": settings.grpc.address})

    configure_logs(settings.log_level, settings.log_format)
    run_server(serve(settings, ready=ready), {"--http-address": settings.http_address})
