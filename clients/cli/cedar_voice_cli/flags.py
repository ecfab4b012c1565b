"""Every setting of a process is an environment variable, and a flag unless it is a secret.

Both, and the table in `docs/settings.md`, derive from the settings classes.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from cedar_voice_cli.console import fail

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

    from cedar_voice_shared.settings_groups import SettingsGroup

_CLASSES = {
    "service": ("cedar_voice_service.settings", "ServiceSettings"),
    "bridge": ("cedar_voice_bridge.settings", "BridgeSettings"),
}
PROCESSES = tuple(_CLASSES)

Given = Mapping[str, str]
"""Flags given on the command line, by the keys of `Setting`."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        key: its flat name, by which its class accepts a value.
        place: its place in the errors of validation: the field of its group, and its own.
        kind: the form of a value, for people.
    """

    key: str
    place: tuple[str, ...]
    variable: str
    flag: str | None
    kind: str
    default: str
    description: str


def settings_class(process: str) -> "type[BaseSettings] | None":
    """Return the settings class of a process; None if its extra is not installed."""
    module, name = _CLASSES[process]
    try:
        found: type[BaseSettings] = getattr(import_module(module), name)
    except ModuleNotFoundError:
        return None
    return found


def settings_of(process: str) -> list[Setting]:
    """Return the settings of a process, in the order of its class; those of engines come last."""
    found = settings_class(process)
    if found is None:
        return []
    choices = _engine_names(process)
    settings = []
    for place, kind in (*_groups_of(found), *(((), kind) for kind in _engine_settings(process))):
        for name, field in kind.model_fields.items():
            if not hasattr(field.annotation, "model_fields"):
                settings.append(_setting(kind, name, field, place, choices))
    return settings


def _groups_of(
    kind: "type[BaseSettings]",
) -> "Iterator[tuple[tuple[str, ...], type[BaseSettings]]]":
    from cedar_voice_shared.settings_groups import GroupedSettings

    yield (), kind
    if issubclass(kind, GroupedSettings):
        for name, group in kind.groups():
            yield (name,), group


def _engine_settings(process: str) -> "Sequence[type[SettingsGroup]]":
    if process != "service":
        return ()
    from cedar_voice_service.providers.registry import engine_settings

    return engine_settings()


def _engine_names(process: str) -> Mapping[str, tuple[str, ...]]:
    """Return the names of engines by the key of the setting that selects one."""
    if process != "service":
        return {}
    from cedar_voice_service.providers.registry import names_by_setting

    return names_by_setting()


def _setting(
    kind: "type[BaseSettings]",
    name: str,
    field: "FieldInfo",
    place: tuple[str, ...],
    choices: Mapping[str, tuple[str, ...]],
) -> Setting:
    from cedar_voice_shared.settings_groups import PREFIX, flat_name

    key = flat_name(kind, name)
    is_alias = key == field.validation_alias
    is_secret = "SecretStr" in str(field.annotation)
    return Setting(
        key=key,
        place=(*place, key if is_alias else name),
        variable=key if is_alias else f"{PREFIX}{key}".upper(),
        flag=None if is_secret else f"--{key.lower().replace('_', '-')}",
        kind="|".join(choices[key]) if key in choices else _kind_of(field.annotation),
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
    """Return a decorator that adds the flags of processes to a command, which gets those given."""
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
    """Return the settings of a process: flags first, then the environment, then the defaults."""
    kind: Any = settings_class(process)
    if kind is None:
        fail(f"the extra `{process}` is not installed: pip install 'cedar-voice[{process}]'")
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    try:
        settings = kind(**given)
        for group in _engine_settings(process):
            settings.group(group)
    except ValidationError as error:
        fail("\n".join(_complaints(process, error.errors())))
    except SettingsError as error:
        fail(str(error))
    return settings


def _complaints(process: str, errors: Iterable[Any]) -> Iterable[str]:
    by_place = {setting.place: setting for setting in settings_of(process)}
    for error in errors:
        place = error["loc"]
        setting = by_place.get(place[:2]) or by_place[place[:1]]
        names = " or ".join(filter(None, (setting.flag, setting.variable)))
        yield f"{names}: {error['msg']}"
