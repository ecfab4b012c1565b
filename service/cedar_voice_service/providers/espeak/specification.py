"""The specification of eSpeak NG."""

from contextlib import AbstractAsyncContextManager

from cedar_voice_service.providers.protocols import EngineInfo, Synthesizer
from cedar_voice_service.providers.specification import EngineOptions, EngineSpec

INFO = EngineInfo(
    name="espeak-ng",
    model="",
    description="offline, over a hundred languages, intelligible but plainly a machine",
)


def _open(options: EngineOptions) -> AbstractAsyncContextManager[Synthesizer]:
    from cedar_voice_service.providers.espeak.engine import open_espeak

    return open_espeak(options.settings.reliability.stage_timeout_ms)


ESPEAK = EngineSpec(
    describe=lambda _: INFO,
    open_synthesizer=_open,
    packages=("espeakng_loader",),
    extra="local",
    is_automatic=lambda _: True,
)
