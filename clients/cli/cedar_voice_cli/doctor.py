"""`cedar-voice doctor`: the packages, the engines in use, and everything that is missing."""

from collections.abc import Iterator, Mapping

import typer

from cedar_voice_cli import inventory
from cedar_voice_cli.console import EXIT_FAILED, out
from cedar_voice_cli.flags import Given, load, with_flags
from cedar_voice_cli.inventory import Finding, Status
from cedar_voice_cli.running import run

app = typer.Typer()

_STYLES: Mapping[Status, str] = {
    Status.FINE: "green",
    Status.NOTE: "yellow",
    Status.MISSING: "bold red",
}


@app.command()
@with_flags("service", "bridge")
def doctor(given: Given) -> None:
    """Report the installed packages, the engines of these settings, and everything missing."""
    is_healthy = True
    for finding in _findings(given):
        is_healthy &= finding.status is not Status.MISSING
        out.print(f"{finding.status.value:8}", style=_STYLES[finding.status], end="")
        out.print(f"{finding.subject:17} {finding.text}", markup=False)
    if not is_healthy:
        raise typer.Exit(EXIT_FAILED)


def _findings(given: Given) -> Iterator[Finding]:
    yield from inventory.versions()
    packages = list(inventory.extras())
    yield from packages
    if any(finding.status is Status.MISSING for finding in packages):
        return  # the findings below need these packages
    from cedar_voice_cli.rehearsal import other_engines, rehearse

    service, bridge = load("service", given), load("bridge", given)
    yield from other_engines()
    yield from run(rehearse(service))
    yield inventory.page()
    yield inventory.address("page address", bridge.http_address)
    yield inventory.address("gRPC address", service.grpc.address)
