"""Sessions that have ended leave nothing behind: the short form of `python -m benchmarks.soak`."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product

import pytest
import structlog.testing

from benchmarks.census import Census, take_census
from benchmarks.processes import provider
from benchmarks.visits import WAYS, Way, pay
from cedar_voice_bridge.sessions import shared_session
from cedar_voice_service.server import open_server
from tests.support.bridge import bridging
from tests.support.service import settings

AT_ONCE = 28
SETTLES_WITHIN_S = 15
ROUNDS = 5

Visits = Sequence[tuple[str, Way]]


async def churn(visits: Visits, addresses: dict[str, str]) -> None:
    left = iter(visits)

    async def visitor() -> None:
        for transport, way in left:
            await pay(transport, addresses[transport], way)  # type: ignore[arg-type]

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(visitor())


def ours(census: Census) -> Counter[str]:
    """Objects of our own classes."""
    return Counter(
        {name: count for name, count in census.types.items() if name.startswith("cedar_voice_")}
    )


@pytest.fixture(autouse=True)
def nothing_else_counts() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def test_sessions_that_have_ended_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared_session, "CHECK_S", 0.1)
    visits = list(product(("grpc", "websocket"), WAYS.values()))
    async with provider("--brief") as url:
        service = settings(
            **dict.fromkeys(("stt_engine", "llm_engine", "tts_engine"), "openai"),
            OPENAI_BASE_URL=url,
            OPENAI_API_KEY="key",
            decoding_workers=1,  # which the first visits start
            resume_window_ms=4_000,  # late visitors come back in time
            refuse_sessions_lag_ms=60_000,
        )
        with structlog.testing.capture_logs() as logs:
            async with open_server(service) as (grpc_address, _), bridging(grpc_address) as bridge:
                addresses = {"grpc": grpc_address, "websocket": bridge.address}

                async def settled(before: Census | None = None) -> Census:
                    """Wait for the end of all sessions, and for what they leave to go."""
                    deadline_s = time.monotonic() + SETTLES_WITHIN_S
                    while True:
                        logged = Counter(entry["event"] for entry in logs)
                        if logged["session opened"] == logged["session closed"]:
                            census = take_census()
                            is_settled = before is None or not ours(census) - ours(before)
                            if is_settled or time.monotonic() > deadline_s:
                                return census
                        await asyncio.sleep(0.05)

                await churn(visits, addresses)  # which fill the caches
                before = await settled()
                await churn(visits * ROUNDS, addresses)
                after = await settled(before)
    assert not ours(after) - ours(before)
    assert after.tasks <= before.tasks
    assert after.files < before.files + AT_ONCE  # connections to engines are pooled
