"""Runs a command's coroutine on uvloop where it is installed; a signal ends it in order."""

from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import typer

from cedar_voice_cli.console import fail
from cedar_voice_cli.inventory import obstacle_at
from cedar_voice_shared.process import open_runner, run_until_signal

_T = TypeVar("_T")
_EXIT_INTERRUPTED = 130


def run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine and return its result; Ctrl-C ends the command with exit code 130."""
    try:
        with open_runner() as runner:
            return runner.run(coroutine)
    except KeyboardInterrupt:
        raise typer.Exit(_EXIT_INTERRUPTED) from None


def run_server(
    coroutine: Coroutine[Any, Any, None],
    addresses: Mapping[str, str],
    refusals: tuple[type[Exception], ...] = (),
) -> None:
    """Run a server until SIGINT or SIGTERM, after which the command succeeds.

    Two kinds of errors fail the command with one line: an address of `addresses`, which maps flags
    to addresses, that is not free, and the errors of the types in `refusals`.
    """
    try:
        run_until_signal(coroutine)
    except OSError as error:
        for flag, address in addresses.items():
            if obstacle := obstacle_at(address):
                fail(f"cannot listen on {address}: {obstacle}. {flag} chooses another address.")
        fail(error.strerror or str(error))
    except refusals as error:
        fail(str(error))
