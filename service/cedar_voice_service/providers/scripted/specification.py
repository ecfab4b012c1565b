"""The specification of the scripted language model."""

from contextlib import AbstractAsyncContextManager, nullcontext

from cedar_voice_service.providers.protocols import EngineInfo, Responder
from cedar_voice_service.providers.scripted.engine import ScriptedResponder
from cedar_voice_service.providers.specification import EngineOptions, EngineSpec

INFO = EngineInfo(
    name="scripted",
    model="",
    description="rules instead of a language model: repeats what it understood, calls actions by "
    "their name, offline, English",
)


def _open(_: EngineOptions) -> AbstractAsyncContextManager[Responder]:
    return nullcontext(ScriptedResponder())


SCRIPTED = EngineSpec(describe=lambda _: INFO, open_responder=_open, is_automatic=lambda _: True)
