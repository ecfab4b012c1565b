"""The specification of PocketSphinx."""

from contextlib import AbstractAsyncContextManager

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from cedar_voice_service.providers.protocols import EngineInfo, Transcriber
from cedar_voice_service.providers.specification import EngineOptions, EngineSpec
from cedar_voice_shared.settings_groups import SettingsGroup


class LocalSettings(SettingsGroup):
    """Settings of the embedded recognizer."""

    model_config = SettingsConfigDict(env_prefix="CEDAR_LOCAL_")

    stt_workers: int = Field(
        2, ge=1, le=64, description="recognizer processes, each serving one utterance at a time"
    )


INFO = EngineInfo(
    name="pocketsphinx",
    model="en-us",
    description="offline, English only, demo quality: about one word in five is wrong in clean "
    "speech, and most are in noise",
)


def _open(options: EngineOptions) -> AbstractAsyncContextManager[Transcriber]:
    from cedar_voice_service.providers.pocketsphinx.engine import open_pocketsphinx

    worker_count = options.settings.group(LocalSettings).stt_workers
    return open_pocketsphinx(worker_count, options.settings.reliability.stage_timeout_ms)


POCKETSPHINX = EngineSpec(
    describe=lambda _: INFO,
    open_transcriber=_open,
    settings=LocalSettings,
    packages=("pocketsphinx",),
    extra="local",
    is_automatic=lambda _: True,
)
