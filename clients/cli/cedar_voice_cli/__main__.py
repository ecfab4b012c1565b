"""The entry of the command: finds the asked command's module and runs it."""

import os
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

_COMMANDS = ("serve", "service", "bridge", "talk", "doctor", "settings")


class _Commands(TyperGroup):
    """Loads the module of a command when it is asked for: each has needs of its own."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"cedar_voice_cli.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=_Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def cedar_voice() -> None:
    """Cedar Voice, the voice backend for copilots."""


def main() -> None:
    """Run the command line of this process."""
    # What gRPC's core has to say reaches people as our own errors.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    app()


if __name__ == "__main__":
    main()
