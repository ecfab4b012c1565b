"""The specification of an engine: the stages that it serves, its settings, and how it is opened.

A new engine is a folder with a specification in it, and one line in `registry`. A specification is
loaded to list settings and to resolve `auto`, so it imports the libraries of its vendor only where
it opens the engine.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeVar

from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.protocols import (
    BatchRecognizer,
    EngineInfo,
    Responder,
    Synthesizer,
    Transcriber,
)
from cedar_voice_service.settings import ServiceSettings, StageSettings
from cedar_voice_shared.settings_groups import SettingsGroup

NONE = "none"
"""Value of the setting of a fallback engine that selects no engine."""

Engine = TypeVar("Engine")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """The settings of a stage for one engine, the primary or the fallback engine.

    `variable` is the environment variable that selects the engine; `engine` is its value. `model`,
    `base_url`, `api_key` and `voice` are those of the stage, which an engine may ignore. An engine
    reads settings of its own by `settings.group`.
    """

    stage: Stage
    settings: ServiceSettings
    variable: str
    engine: str
    model: str = ""
    base_url: str = ""
    api_key: str = field(default="", repr=False)
    voice: str = ""
    is_fallback: bool = False


Opener = Callable[[EngineOptions], AbstractAsyncContextManager[Engine]]
"""Opens an engine for as long as the context lasts; raises `EngineError` if it does not start."""


def _never(_: EngineOptions) -> bool:
    return False


def _nothing(_: EngineOptions) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """An engine as it is registered.

    Attributes:
        describe: returns the description of the engine for people.
        open_transcriber: opens speech to text: a `Transcriber`, or a `BatchRecognizer`, which then
            receives requests in windows while the user speaks. None without that stage; the same
            holds of the next two.
        open_responder: opens the language model.
        open_synthesizer: opens text to speech.
        settings: the settings of the engine alone; they begin with `CEDAR_` and its name.
        packages: modules that have to be installed.
        extra: the extra of this distribution that installs them.
        is_automatic: whether the value `auto` selects the engine.
        is_remote: whether a request may cost money, so that `doctor` makes none.
        may_replace: whether the engine may be a fallback engine.
        obstacle: returns the reason for which a request would fail, such as a missing key; ""
            without one.
    """

    describe: Callable[[EngineOptions], EngineInfo]
    open_transcriber: Opener[Transcriber | BatchRecognizer] | None = None
    open_responder: Opener[Responder] | None = None
    open_synthesizer: Opener[Synthesizer] | None = None
    settings: type[SettingsGroup] | None = None
    packages: tuple[str, ...] = ()
    extra: str = ""
    is_automatic: Callable[[EngineOptions], bool] = _never
    is_remote: bool = False
    may_replace: bool = True
    obstacle: Callable[[EngineOptions], str] = _nothing

    @property
    def stages(self) -> frozenset[Stage]:
        """The stages that the engine serves."""
        openers = {
            Stage.STT: self.open_transcriber,
            Stage.LLM: self.open_responder,
            Stage.TTS: self.open_synthesizer,
        }
        return frozenset(stage for stage, opener in openers.items() if opener is not None)


def primary_options(settings: ServiceSettings, stage: Stage) -> EngineOptions:
    """Return the options of the engine of a stage."""
    group = _group_of(settings, stage)
    return EngineOptions(
        stage,
        settings,
        variable=f"CEDAR_{stage.value.upper()}_ENGINE",
        engine=group.engine,
        model=group.model,
        base_url=group.base_url,
        api_key=group.api_key.get_secret_value(),
        voice=settings.tts.voice if stage is Stage.TTS else "",
    )


def fallback_options(settings: ServiceSettings, stage: Stage) -> EngineOptions | None:
    """Return the options of the fallback engine of a stage; None without one."""
    group = _group_of(settings, stage)
    if group.fallback_engine == NONE:
        return None
    return EngineOptions(
        stage,
        settings,
        variable=f"CEDAR_{stage.value.upper()}_FALLBACK_ENGINE",
        engine=group.fallback_engine,
        model=group.fallback_model or group.model,
        base_url=group.fallback_base_url,
        api_key=group.fallback_api_key.get_secret_value(),
        voice=settings.tts.fallback_voice or settings.tts.voice if stage is Stage.TTS else "",
        is_fallback=True,
    )


def _group_of(settings: ServiceSettings, stage: Stage) -> StageSettings:
    groups: dict[Stage, StageSettings] = {
        Stage.STT: settings.stt,
        Stage.LLM: settings.llm,
        Stage.TTS: settings.tts,
    }
    return groups[stage]
