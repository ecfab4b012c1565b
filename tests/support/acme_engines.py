"""Engines of another distribution, as an installer leaves it: a module and its metadata."""

from pathlib import Path

MODULE = '''"""Engines for each stage: `acme` always fails, `acme-spare` answers."""

from contextlib import nullcontext

from pydantic_settings import SettingsConfigDict

from cedar_voice_service.audio.formats import Pcm
from cedar_voice_service.errors import EngineError, Stage
from cedar_voice_service.providers.protocols import (
    EngineInfo, Hypothesis, Recognized, ReplyEnd, ReplyText,
)
from cedar_voice_service.providers.specification import EngineSpec
from cedar_voice_shared.settings_groups import SettingsGroup

attempts = []


class AcmeSettings(SettingsGroup):
    model_config = SettingsConfigDict(env_prefix="CEDAR_ACME_")

    word: str = "acme"


class Failing:
    async def transcribe(self, audio, language):
        attempts.append(Stage.STT)
        async for _ in audio:
            pass
        raise EngineError(Stage.STT, "down")
        yield

    async def respond(self, request):
        attempts.append(Stage.LLM)
        raise EngineError(Stage.LLM, "down")
        yield

    async def synthesize(self, request):
        attempts.append(Stage.TTS)
        raise EngineError(Stage.TTS, "down")
        yield


class Spare:
    def __init__(self, word):
        self._word = word

    async def recognize(self, speech, language, prompt):
        return Recognized(self._word)

    async def respond(self, request):
        yield ReplyText(self._word)
        yield ReplyEnd()

    async def synthesize(self, request):
        yield Pcm(bytes(320))


def spec(name, engine):
    return EngineSpec(
        describe=lambda options: EngineInfo(name, "", "of Acme"),
        open_transcriber=engine,
        open_responder=engine,
        open_synthesizer=engine,
        settings=AcmeSettings,
    )


ACME = spec("acme", lambda options: nullcontext(Failing()))
SPARE = spec(
    "acme-spare", lambda options: nullcontext(Spare(options.settings.group(AcmeSettings).word))
)
'''

ENTRY_POINTS = """\
[cedar_voice.engines]
acme = acme_voice:ACME
acme-spare = acme_voice:SPARE
acme-broken = acme_voice_of_tomorrow:ACME
"""


def install(folder: Path) -> None:
    """Write the distribution into a folder of the import path."""
    (folder / "acme_voice.py").write_text(MODULE)
    metadata = folder / "acme_voice-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-voice\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
