"""The registry of engines: those of this package, and those that other distributions register.

Another distribution registers an `EngineSpec` by an entry point of the group `cedar_voice.engines`;
the name of the entry point is the value that selects the engine. Its code is loaded only when a
setting names it. One name may stand for several specifications that serve different stages.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import TypeVar

from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.specification import NONE, EngineOptions, EngineSpec
from cedar_voice_shared.settings_groups import SettingsGroup

GROUP = "cedar_voice.engines"
AUTO = "auto"
"""Value of the setting of an engine that selects the first engine that is automatic."""

_PACKAGE = "cedar_voice_service.providers"

BUILT_IN = (
    EntryPoint("openai", f"{_PACKAGE}.openai.specification:OPENAI", GROUP),
    EntryPoint("openai-realtime", f"{_PACKAGE}.openai.specification:OPENAI_REALTIME", GROUP),
    EntryPoint("local", f"{_PACKAGE}.pocketsphinx.specification:POCKETSPHINX", GROUP),
    EntryPoint("local", f"{_PACKAGE}.scripted.specification:SCRIPTED", GROUP),
    EntryPoint("local", f"{_PACKAGE}.espeak.specification:ESPEAK", GROUP),
)

STAGE_TITLES = {
    Stage.STT: "speech to text",
    Stage.LLM: "language model",
    Stage.TTS: "text to speech",
}

Opener = TypeVar("Opener")


class EngineMissing(Exception):
    """The engine that a setting names cannot be used; the message names the remedy.

    It is not registered, or does not serve the stage, or its packages are not installed.
    """


def find(
    options: EngineOptions, opener_of: Callable[[EngineSpec], Opener | None]
) -> tuple[EngineSpec, Opener]:
    """Return the engine that the options select, and the opener that it has for the stage.

    Raises:
        EngineMissing: it cannot be used.
    """
    for entry in _entries(selected(options)):
        spec = _load(entry)
        opener = opener_of(spec)
        if opener is not None and (spec.may_replace or not options.is_fallback):
            _require_packages(spec, options)
            return spec, opener
    names = ", ".join(_choices(options.stage, is_fallback=options.is_fallback))
    raise EngineMissing(
        f"{options.variable}: no engine {options.engine!r} is registered for "
        f"{STAGE_TITLES[options.stage]}; registered are {names}"
    )


def specification(options: EngineOptions) -> EngineSpec:
    """Return the engine that the options select.

    Raises:
        EngineMissing: it cannot be used.
    """
    spec, _ = find(options, lambda spec: spec if options.stage in spec.stages else None)
    return spec


def selected(options: EngineOptions) -> str:
    """Return the name of the engine that the options select; `auto` is replaced by a name."""
    if options.engine != AUTO or options.is_fallback:
        return options.engine
    return next(
        entry.name
        for entry, spec in _built_in(options.stage)
        if spec.is_automatic(replace(options, engine=entry.name))
    )


def registered() -> tuple[EntryPoint, ...]:
    """Return every registered engine, without loading it; those of this package come first."""
    return (*BUILT_IN, *entry_points(group=GROUP))


def names_by_setting() -> dict[str, tuple[str, ...]]:
    """Return the values that this package gives each setting that selects an engine."""
    values = {}
    for stage in STAGE_TITLES:
        values[f"{stage.value}_engine"] = _built_in_choices(stage, is_fallback=False)
        values[f"{stage.value}_fallback_engine"] = _built_in_choices(stage, is_fallback=True)
    return values


def engine_settings() -> list[type[SettingsGroup]]:
    """Return the settings that engines of this package have for themselves."""
    groups = (_load(entry).settings for entry in BUILT_IN)
    return [group for group in groups if group is not None]


def _built_in(stage: Stage) -> Iterator[tuple[EntryPoint, EngineSpec]]:
    for entry in BUILT_IN:
        spec = _load(entry)
        if stage in spec.stages:
            yield entry, spec


def _built_in_choices(stage: Stage, *, is_fallback: bool) -> tuple[str, ...]:
    names = (entry.name for entry, spec in _built_in(stage) if spec.may_replace or not is_fallback)
    return (NONE if is_fallback else AUTO, *names)


def _choices(stage: Stage, *, is_fallback: bool) -> tuple[str, ...]:
    """Return the values that may select an engine; those of other distributions are not loaded."""
    others = (entry.name for entry in entry_points(group=GROUP))
    return tuple(dict.fromkeys((*_built_in_choices(stage, is_fallback=is_fallback), *others)))


def _entries(name: str) -> Iterator[EntryPoint]:
    return (entry for entry in registered() if entry.name == name)


def _load(entry: EntryPoint) -> EngineSpec:
    try:
        spec = entry.load()
    except (ImportError, AttributeError) as error:
        raise EngineMissing(f"the engine {entry.name!r} does not load: {error}") from error
    if not isinstance(spec, EngineSpec):
        raise EngineMissing(f"the engine {entry.name!r} is no EngineSpec: {entry.value}")
    return spec


def _require_packages(spec: EngineSpec, options: EngineOptions) -> None:
    if any(find_spec(package) is None for package in spec.packages):
        raise EngineMissing(
            f"the engine {selected(options)!r} for {STAGE_TITLES[options.stage]} is not installed: "
            f"pip install 'cedar-voice[{spec.extra}]', or select another by {options.variable}"
        )
