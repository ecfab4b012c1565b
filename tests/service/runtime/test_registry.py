"""Sessions of a process: what is left of one that has ended."""

import asyncio

from cedar_voice_service.providers.engines import Engines
from cedar_voice_service.providers.scripted.engine import (
    ScriptedResponder,
    ScriptedTranscriber,
    ToneSynthesizer,
)
from cedar_voice_service.runtime.quotas import Quotas, Rates
from cedar_voice_service.runtime.registry import Registry
from cedar_voice_service.runtime.runner import RunnerFactory
from cedar_voice_service.session import events as on
from cedar_voice_service.session.config import Limits
from cedar_voice_service.session.config_patch import ConfigPatch
from cedar_voice_service.session.events import ClientMessage
from tests.support.conversing import CONFIG
from tests.support.virtual_time import run_virtually

LIMITS = Limits()


def test_a_session_that_has_ended_takes_no_other_of_its_name_along() -> None:
    async def scenario() -> None:
        engines = Engines(ScriptedTranscriber(), ScriptedResponder(), ToneSynthesizer(), infos={})
        async with Registry(
            RunnerFactory(engines, LIMITS, CONFIG, stage_timeout_ms=5_000),
            max_sessions=2,
            resume_window_ms=LIMITS.resume_window_ms,
            quotas=Quotas(Rates()),
        ) as registry:
            first = registry.open("name", ConfigPatch(), "")
            with registry.attached(first, None) as attachment:
                await first.receive(ClientMessage(on.SessionEnded()))
                while await attachment.next() is not None:
                    pass
            second = registry.open("name", ConfigPatch(), "")
            with registry.attached(second, None):
                await asyncio.sleep(2 * LIMITS.resume_window_ms / 1000)
                assert registry.resume(second.resume_token, "") is second

    run_virtually(scenario())
