"""The server of a stage: OpenAI itself, or another server that speaks its protocols."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from cedar_voice_service.errors import Stage
from cedar_voice_service.providers.deadlines import Deadlines, deadlines_of
from cedar_voice_service.providers.specification import EngineOptions
from cedar_voice_shared.settings_groups import SettingsGroup


class OpenAISettings(SettingsGroup):
    """Settings for the stages that have none of their own."""

    openai_api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias="OPENAI_API_KEY",
        description="key of every stage that names no key and no server of its own",
    )
    openai_base_url: str = Field(
        "",
        validation_alias="OPENAI_BASE_URL",
        description="base URL of every stage that has none of its own",
    )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The server of one stage; without a `base_url` it is OpenAI itself."""

    stage: Stage
    model: str
    deadlines: Deadlines
    base_url: str = ""
    api_key: str = field(default="", repr=False)

    @property
    def is_openais_own(self) -> bool:
        """Whether it is OpenAI itself, which offers more and requires more than other servers."""
        host = urlsplit(self.base_url).hostname or ""
        return not self.base_url or host.endswith(".openai.com")


def endpoint_of(options: EngineOptions) -> Endpoint:
    """Return the server of a stage: its own, or else the one of every stage.

    A server that the stage names for itself does not receive the key of every stage.
    """
    common = options.settings.group(OpenAISettings)
    common_key = "" if options.base_url else common.openai_api_key.get_secret_value()
    return Endpoint(
        stage=options.stage,
        model=options.model,
        deadlines=deadlines_of(options.settings, options.stage),
        base_url=options.base_url or common.openai_base_url,
        api_key=options.api_key or common_key,
    )
