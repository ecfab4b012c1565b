"""Every setting of a process is an environment variable, and a flag unless it is a secret.

Both, and the table in `docs/settings.md`, are read off the settings classes.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from cedar_voice_cli.console import fail

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

_CLASSES = {
    "service": ("cedar_voice_service.settings", "ServiceSettings"),
    "bridge": ("cedar_voice_bridge.settings", "BridgeSettings"),
}
PROCESSES = tuple(_CLASSES)

Given = Mapping[str, str]
"""Flags given on the command line, by the keys of `Setting`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `key` is what its class takes it under, `kind` is what a value looks like."""

    key: str
    variable: str
    flag: str | None
    kind: str
    default: str
    description: str


def settings_class(process: str) -> "type[BaseSettings] | None":
    """The settings class of a process; None when its extra is not installed."""
    module, name = _CLASSES[process]
    try:
        found: type[BaseSettings] = getattr(import_module(module), name)
    except ModuleNotFoundError:
        return None
    return found


def settings_of(process: str) -> list[Setting]:
    """The settings of a process, in the order of its class."""
    kind = settings_class(process)
    if kind is None:
        return []
    prefix = kind.model_config.get("env_prefix", "")
    return [_setting(name, field, prefix) for name, field in kind.model_fields.items()]


def _setting(name: str, field: "FieldInfo", prefix: str) -> Setting:
    alias = field.validation_alias
    is_secret = "SecretStr" in str(field.annotation)
    return Setting(
        key=alias if isinstance(alias, str) else name,
        variable=alias if isinstance(alias, str) else f"{prefix}{name}".upper(),
        flag=None if is_secret else f"--{name.replace('_', '-')}",
        kind=_kind_of(field.annotation),
        default="" if is_secret else _text_of(field.default),
        description=field.description or "",
    )


def _kind_of(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list"
    return {int: "number", bool: "true|false"}.get(annotation, "text")


def _text_of(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def with_flags(*processes: str) -> Callable[[Callable[[Given], None]], Callable[..., None]]:
    """Give a command the flags of these processes; it is called with those that were given."""
    settings: dict[str, Setting] = {}
    for setting in (setting for process in processes for setting in settings_of(process)):
        settings.setdefault(setting.key, setting)

    def decorate(function: Callable[[Given], None]) -> Callable[..., None]:
        def command(**flags: str | None) -> None:
            function({key: value for key, value in flags.items() if value is not None})

        parameters = [_parameter(setting) for setting in settings.values() if setting.flag]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in parameters}
        command.__doc__ = function.__doc__
        return command

    return decorate


def _parameter(setting: Setting) -> inspect.Parameter:
    option = typer.Option(
        setting.flag,
        metavar=setting.kind,
        help=f"{setting.description} [{setting.variable}]",
        show_default=setting.default or False,
    )
    return inspect.Parameter(
        setting.key,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[str | None, option],
    )


def load(process: str, given: Given) -> Any:
    """The settings of a process: flags first, then the environment, then the defaults."""
    kind: Any = settings_class(process)
    if kind is None:
        fail(f"the extra `{process}` is not installed: pip install 'cedar-voice[{process}]'")
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    try:
        return kind(**given)
    except ValidationError as error:
        fail("\n".join(_complaints(process, error.errors())))
    except SettingsError as error:
        fail(str(error))


def _complaints(process: str, errors: Iterable[Any]) -> Iterable[str]:
    by_key = {setting.key: setting for setting in settings_of(process)}
    for error in errors:
        setting = by_key[error["loc"][0]]
        names = " or ".join(filter(None, (setting.flag, setting.variable)))
        yield f"{names}: {error['msg']}"
