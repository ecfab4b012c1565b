"""Settings in groups, while each setting stays an environment variable and a flag of its own."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import PrivateAttr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cedar_voice_shared.settings import ProcessSettings

PREFIX = "CEDAR_"


class SettingsGroup(BaseSettings):
    """Settings that belong together. The prefix of a group begins the names of its variables."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)


Group = TypeVar("Group", bound=SettingsGroup)


def flat_name(kind: type[BaseSettings], field: str) -> str:
    """Return the name of a field among all settings of a process.

    It is the name of the variable without `CEDAR_`, in lower case; or the alias of the field, which
    is a variable without that prefix.
    """
    alias = kind.model_fields[field].validation_alias
    if isinstance(alias, str):
        return alias
    return f"{kind.model_config['env_prefix']}{field}".removeprefix(PREFIX).lower()


class GroupedSettings(ProcessSettings):
    """The settings of a process: fields of its own, and groups as fields.

    A value that takes precedence over the environment is passed by its flat name, such as
    `stt_engine="local"`, whichever group it belongs to.
    """

    # A group is no value of a variable: the variable of its name would be read as JSON otherwise.
    model_config = SettingsConfigDict(enable_decoding=False)

    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._given = given

    @classmethod
    def groups(cls) -> Iterator[tuple[str, type[SettingsGroup]]]:
        """Return the groups with the names of their fields."""
        for name, field in cls.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, SettingsGroup):
                yield name, kind

    def group(self, kind: type[Group]) -> Group:
        """Return a group that is no field of this class, read from the same values and environment.

        Raises:
            ValidationError: a value is not accepted.
        """
        return kind(**_values_of(kind, self._given))

    @model_validator(mode="before")
    @classmethod
    def _sort_into_groups(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, **{name: _values_of(kind, values) for name, kind in cls.groups()}}


def _values_of(kind: type[BaseSettings], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the values that belong to a group, by the names that it accepts."""
    selected = {}
    for field, info in kind.model_fields.items():
        name = flat_name(kind, field)
        if name in values:
            selected[name if name == info.validation_alias else field] = values[name]
    return selected
