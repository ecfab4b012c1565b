"""One seed: a service, a client, the user's actions, the faults, and the invariants."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from random import Random
from unittest.mock import patch

import structlog.testing

import cedar_voice.v1 as pb
from cedar_voice_client.errors import SessionLost
from cedar_voice_service.runtime.quotas import Quotas, Rates
from cedar_voice_service.runtime.registry import Registry
from cedar_voice_service.runtime.runner import RunnerFactory
from cedar_voice_service.servicer import VoiceServicer
from cedar_voice_service.session.config import Limits, SessionConfig
from cedar_voice_shared.credentials import Verifier
from tests.simulation.bridges import BridgedStream
from tests.simulation.client import Broken, Client, first_of, sdk_stream
from tests.simulation.engines import LevelDetector, seeded_engines
from tests.simulation.network import Handler, Network
from tests.simulation.rival import contest
from tests.support.service import settings
from tests.support.virtual_time import run_virtually

LIMITS = Limits()
UNLIMITED = Quotas(Rates())
STAGE_TIMEOUT_MS = 5_000
RIVALS = 0.3
"""Share of the seeds without kills in which a second stream opens the session."""

CLOSING_S = 60.0
"""Longest time for a session to end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Counts of a seed without a broken promise."""

    inputs: int
    resumes: int
    restores: int
    is_lost: bool
    virtual_s: float


@dataclass(slots=True)
class _Input:
    """Typed and spoken input of the user."""

    typed: list[str]
    spoken: list[str]


def simulate(seed: int, *, has_bridges: bool = False) -> Outcome:
    """Run one seed.

    Args:
        has_bridges: the client is a page behind bridges, which are killed instead of the service.

    Raises:
        Broken: a promise is broken; any other error is a defect as well.
    """
    detector = patch("cedar_voice_service.audio.speech_tracker.SpeechDetector", LevelDetector)
    with detector, structlog.testing.capture_logs() as logs:
        outcome = run_virtually(_live(Random(seed), has_bridges=has_bridges))
    if failures := [entry for entry in logs if entry["log_level"] in ("error", "critical")]:
        raise Broken(f"logged: {failures[0]}")
    return outcome


async def _live(chance: Random, *, has_bridges: bool) -> Outcome:
    network = Network(chance, faults=chance.randint(0, 10))
    stream = (BridgedStream if has_bridges else sdk_stream)(network, chance)
    client, inputs = Client(stream, chance), _Input([], [])
    kills = 0 if has_bridges else chance.choice((0, 0, 0, 1, 2))
    has_rival = not kills and not has_bridges and chance.random() < RIVALS
    try:
        async with network, asyncio.TaskGroup() as group:
            serving = group.create_task(_serve(network, chance, kills))
            session = group.create_task(client.session())
            await _use(client, chance, inputs)
            await (contest(client, network) if has_rival else client.end())
            async with asyncio.timeout(CLOSING_S):
                await session
            _check(client, inputs)
            await asyncio.sleep(LIMITS.resume_window_ms / 1000 + CLOSING_S)
            serving.cancel()
    except BaseExceptionGroup as failures:
        failure = first_of(failures)
        if not (isinstance(failure, SessionLost) and (network.kills or has_bridges)):
            raise failure from None
        client.is_lost = True  # killed more often than it is restored, and the user is notified
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        raise Broken(f"tasks are left: {left}")
    return Outcome(
        len(inputs.typed) + len(inputs.spoken),
        client.resumes,
        client.restores,
        client.is_lost,
        asyncio.get_running_loop().time(),
    )


async def _serve(network: Network, chance: Random, kills: int) -> None:
    """Run the service, and kill and restart it `kills` times."""
    for _ in range(kills):
        async with _registry(chance) as registry:
            network.serve(_handler(registry))
            await asyncio.sleep(chance.choice((0.2, 2.0, 10.0)) * chance.random())
            await network.kill()
        await asyncio.sleep(2 * chance.random())
    async with _registry(chance) as registry:
        network.serve(_handler(registry))
        await asyncio.Event().wait()


def _handler(registry: Registry) -> Handler:
    return VoiceServicer(
        registry,
        LIMITS,
        pb.GetServiceInfoResponse(),
        verifier=Verifier(settings()),
        quotas=UNLIMITED,
        send_timeout_s=10.0,
    ).VoiceSession


def _registry(chance: Random) -> Registry:
    return Registry(
        RunnerFactory(seeded_engines(chance), LIMITS, SessionConfig(), STAGE_TIMEOUT_MS),
        max_sessions=10,
        resume_window_ms=LIMITS.resume_window_ms,
        quotas=UNLIMITED,
    )


async def _use(client: Client, chance: Random, inputs: _Input) -> None:
    """Type, speak, interrupt and wait as the seed chooses; wait for the end of every response."""
    number = 1
    for step in range(chance.randint(1, 8)):
        match chance.randrange(7):
            case 0 | 1:
                inputs.typed.append(f"question {step}")
                await client.type(inputs.typed[-1])
            case 2 | 3:
                numbers = range(number, number + chance.randint(2, 6))
                number = numbers.stop
                inputs.spoken.append(" ".join(map(str, numbers)))
                await client.speak(numbers)
            case 4:
                inputs.typed.append(f"question {step}")
                await client.interrupt_in_mid_answer(inputs.typed[-1])
            case 5:
                await client.request_say(f"Notice {step}. It is long enough to be cut.")
            case _:
                await client.interrupt()
        if chance.random() < 0.5:
            await client.until_silence()
        else:
            await asyncio.sleep(chance.choice((0.0, 0.3, 3.0)) * chance.random())
    await client.until_silence()


def _check(client: Client, inputs: _Input) -> None:
    """Check the invariants of an ended session.

    Raises:
        Broken: one does not hold.
    """
    typed = {text: client.asked[text] for text in inputs.typed}
    if any(count != 1 for count in typed.values()):
        raise Broken(f"a typed text is not answered once: {typed}")
    transcribed, failures = Counter(client.finals), len(client.failed_turns)
    if any(count > 1 for count in transcribed.values()) or not transcribed.keys() <= set(
        inputs.spoken
    ):
        raise Broken(f"{inputs.spoken} were spoken, {client.finals} were transcribed")
    if len(inputs.spoken) - len(transcribed) > failures:
        raise Broken(f"of {inputs.spoken} only {client.finals} were transcribed")
    for counts in (client.completed, client.sounded_out):
        if set(counts) != set(client.started) or any(count != 1 for count in counts.values()):
            raise Broken(f"responses {client.started} ended {dict(counts)}")
    if any(count != 1 for count in client.actions.values()):
        raise Broken(f"actions came {dict(client.actions)}")
