"""`cedar-voice settings`: the table of every setting."""

import typer

from cedar_voice_cli.flags import PROCESSES, Setting, settings_of

app = typer.Typer()

_HEAD = """\
# Settings

Every setting is an environment variable. Unless it is a secret it is also a flag, of `cedar-voice
serve` and of the command of its process, and the flag wins. Lists are separated by commas. This
page is what `cedar-voice settings` prints.
"""
_COLUMNS = ("environment", "flag", "value", "default", "meaning")


@app.command()
def settings() -> None:
    """Print the table of every setting, in Markdown."""
    typer.echo(table(), nl=False)


def table() -> str:
    """Return the page `docs/settings.md`."""
    return "\n".join([_HEAD, *(_section(process) for process in PROCESSES)])


def _section(process: str) -> str:
    lines = [f"## The {process}", "", _row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
    lines += [_row(_cells(setting)) for setting in settings_of(process)]
    return "\n".join([*lines, ""])


def _cells(setting: Setting) -> list[str]:
    return [
        _code(setting.variable),
        _code(setting.flag or ""),
        setting.kind,
        _code(setting.default),
        setting.description,
    ]


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
