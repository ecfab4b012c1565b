"""The Cedar frontends in Chromium, and the whole backend on the embedded engines behind them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cedar_voice_service.server import open_server
from tests.support.bridge import Bridge, bridging
from tests.support.cedar_clients import Frontends, build, serving_site
from tests.support.chromium import chromium
from tests.support.service import LOCAL, settings

ADDRESS_IN_THE_DOCUMENTS = "localhost:8080"


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    """The frontends are built."""
    build()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bridge() -> AsyncIterator[Bridge]:
    """The bridge to a service on the embedded engines."""
    async with open_server(settings(**LOCAL)) as (address, _), bridging(address) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def frontends(
    bridge: Bridge, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Frontends]:
    """The frontends in a browser in which the address of the documents leads to the bridge."""
    microphone = tmp_path_factory.mktemp("microphone") / "speech.wav"
    hosts = {ADDRESS_IN_THE_DOCUMENTS: bridge.address}
    async with serving_site() as site, chromium(microphone, hosts) as browser:
        yield Frontends(browser, site, microphone)
