"""The output of the commands, and their failure: one clear line on standard error."""

from typing import NoReturn

import typer
from rich.console import Console

EXIT_FAILED = 1

out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Print an error and end the command with exit code 1."""
    print_error(message)
    raise typer.Exit(EXIT_FAILED)


def print_error(message: str) -> None:
    """Print an error on standard error."""
    _err.print("error:", style="bold red", end=" ")
    _err.print(message, markup=False)
