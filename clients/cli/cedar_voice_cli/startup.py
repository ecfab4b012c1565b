"""The message that a server prints once it is ready, with its addresses and engines."""

import gc
from collections.abc import Iterable, Mapping

from cedar_voice_cli.console import out


def print_ready(addresses: Mapping[str, str], engines: Iterable[str] = ()) -> None:
    """Print addresses and engines, and exempt the objects that exist by now from collections."""
    width = max(map(len, addresses))
    out.print("Cedar Voice is ready", style="bold green")
    for name, address in addresses.items():
        out.print(f"  {name:{width}}  {address}", markup=False)
    for engine in engines:
        out.print(f"  {engine}", markup=False)
    out.print("Ctrl-C stops it.", style="dim")
    # A collection that visits every imported object blocks the event loop for 90 ms.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # objects of a turn are freed without the collector


def page_url(http_address: str) -> str:
    """Return the URL of the page for a browser on this machine."""
    return f"http://{connectable(http_address)}/"


def connectable(address: str) -> str:
    """Return the address by which this machine reaches a server that listens on `address`."""
    host, _, port = address.rpartition(":")
    return f"127.0.0.1:{port}" if host in ("", "0.0.0.0", "[::]") else address
