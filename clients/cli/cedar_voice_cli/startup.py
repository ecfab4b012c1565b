"""The message that a server prints once it is ready, with its addresses and engines."""

from collections.abc import Iterable, Mapping

from cedar_voice_cli.console import out
from cedar_voice_shared.process import freeze_objects


def print_ready(addresses: Mapping[str, str], engines: Iterable[str] = ()) -> None:
    """Print addresses and engines, and exempt the objects that exist by now from collections."""
    width = max(map(len, addresses))
    out.print("Cedar Voice is ready", style="bold green")
    for name, address in addresses.items():
        out.print(f"  {name:{width}}  {address}", markup=False)
    for engine in engines:
        out.print(f"  {engine}", markup=False)
    out.print("Ctrl-C stops it.", style="dim")
    freeze_objects()


def page_url(http_address: str) -> str:
    """Return the URL of the page for a browser on this machine."""
    return f"http://{connectable(http_address)}/"


def connectable(address: str) -> str:
    """Return the address by which this machine reaches a server that listens on `address`."""
    host, _, port = address.rpartition(":")
    return f"127.0.0.1:{port}" if host in ("", "0.0.0.0", "[::]") else address
