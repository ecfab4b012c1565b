"""The entry point of `cedar-voice`: imports the module of the given command and runs it."""

import os
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

_COMMANDS = ("serve", "service", "bridge", "talk", "doctor", "settings")


class _Commands(TyperGroup):
    """Imports a command's module only when it is used: each needs an extra of its own."""

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
    """Run or try Cedar Voice, the voice backend for copilots."""


def main() -> None:
    """Run the command line of this process."""
    # Errors of gRPC's core are printed once, as errors of the command.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    app()


if __name__ == "__main__":
    main()
