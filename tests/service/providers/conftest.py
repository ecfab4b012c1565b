"""The OpenAI stand-in, as fast as it can, for the engines' tests."""

from collections.abc import AsyncIterator

import pytest

from tests.support.openai_script import INSTANT
from tests.support.openai_standin import OpenAIStandin


@pytest.fixture
async def server() -> AsyncIterator[OpenAIStandin]:
    """A stand-in without latencies."""
    async with OpenAIStandin(latencies=INSTANT) as server:
        yield server
