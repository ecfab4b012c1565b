"""Run a command of the product, and serve counts of the objects in its process.

    python -m benchmarks.census SOCKET service

Each connection to the Unix socket receives one `Census`, as JSON, from a thread of its own: the
product is not changed for it. Before each count the thread collects garbage and makes the C library
return free memory, so that resident memory is memory in use.
"""

import asyncio
import ctypes
import gc
import socket
import sys
from collections import Counter
from pathlib import Path
from threading import Thread

import msgspec

_SELF = Path("/proc/self")


class Census(msgspec.Struct, frozen=True):
    """Counts of one process.

    `objects` are those tracked by the garbage collector, and `types` their number by class.
    `blocks` are memory blocks allocated by Python, `native_bytes` memory of the C library.
    """

    rss_bytes: int
    native_bytes: int
    blocks: int
    objects: int
    tasks: int
    threads: int
    files: int
    types: dict[str, int]


class _MallInfo(ctypes.Structure):
    """glibc's `struct mallinfo2`; sizes in bytes."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


_LIBC = ctypes.CDLL(None)
_LIBC.mallinfo2.restype = _MallInfo


def take_census() -> Census:
    """Return the census of this process."""
    gc.collect()
    _LIBC.malloc_trim(0)
    objects = gc.get_objects()
    tasks = sum(type(each) is asyncio.Task and not each.done() for each in objects)
    types = Counter(map(type, objects))
    status = dict(line.split(":", 1) for line in (_SELF / "status").read_text().splitlines())
    native = _LIBC.mallinfo2()
    return Census(
        rss_bytes=int(status["VmRSS"].split()[0]) * 1024,
        native_bytes=native.uordblks + native.hblkhd,
        blocks=sys.getallocatedblocks(),
        objects=len(objects),
        tasks=tasks,
        threads=int(status["Threads"]),
        files=len(list((_SELF / "fd").iterdir())),
        types={f"{each.__module__}.{each.__qualname__}": count for each, count in types.items()},
    )


async def ask(address: Path) -> Census:
    """Request the census of the process behind this socket."""
    reader, writer = await asyncio.open_unix_connection(address)
    try:
        return msgspec.json.decode(await reader.read(), type=Census)
    finally:
        writer.close()


def _answer(listener: socket.socket) -> None:
    while True:
        asking, _ = listener.accept()
        with asking:
            asking.sendall(msgspec.json.encode(take_census()))


def main() -> None:
    """Serve censuses while the command runs."""
    from cedar_voice_cli.__main__ import main as run_command

    address = sys.argv.pop(1)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    Thread(target=_answer, args=(listener,), daemon=True).start()
    run_command()


if __name__ == "__main__":
    main()
