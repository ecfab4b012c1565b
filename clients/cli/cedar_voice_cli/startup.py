"""What a server says once it is ready."""

import gc
from collections.abc import Iterable, Mapping

from cedar_voice_cli.console import out


def print_ready(addresses: Mapping[str, str], engines: Iterable[str] = ()) -> None:
    """Print where it listens and what it runs on; what stands by now is settled for good."""
    width = max(map(len, addresses))
    out.print("Cedar Voice is ready", style="bold green")
    for name, address in addresses.items():
        out.print(f"  {name:{width}}  {address}", markup=False)
    for engine in engines:
        out.print(f"  {engine}", markup=False)
    out.print("Ctrl-C stops it.", style="dim")
    # Walking all that was imported holds the loop for 90 ms, whenever the collector does it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # what a turn makes is freed without the collector


def page_url(http_address: str) -> str:
    """Where a browser of this machine finds the page."""
    return f"http://{connectable(http_address)}/"


def connectable(address: str) -> str:
    """The address of this machine to connect to, of a server that listens at `address`."""
    host, _, port = address.rpartition(":")
    return f"127.0.0.1:{port}" if host in ("", "0.0.0.0", "[::]") else address
