"""Builds, starts and stops the gRPC server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

import cedar_voice.v1 as pb
from cedar_voice.v1 import voice_service_pb2_grpc
from cedar_voice_service.audio.formats import INPUT_ENCODINGS, OUTPUT_ENCODINGS
from cedar_voice_service.audio.silero import load_network
from cedar_voice_service.grpc_status import StatusInterceptor
from cedar_voice_service.providers.catalog import open_engines
from cedar_voice_service.providers.engines import Engines
from cedar_voice_service.runtime.lag import measured
from cedar_voice_service.runtime.quotas import Quotas, Rates
from cedar_voice_service.runtime.registry import Registry
from cedar_voice_service.runtime.runner import RunnerFactory
from cedar_voice_service.servicer import VoiceServicer
from cedar_voice_service.session.config import (
    Generation,
    Limits,
    OutputAudio,
    SessionConfig,
    TurnDetection,
)
from cedar_voice_service.session.load_shedding import LoadMonitor, Thresholds
from cedar_voice_service.settings import (
    ConversationSettings,
    LoadSettings,
    QuotaSettings,
    ServiceSettings,
)
from cedar_voice_service.transport_security import server_credentials
from cedar_voice_service.wire.enums import ENCODING_TO_PB, STAGE_TO_PB
from cedar_voice_service.wire.responses import encode_limits
from cedar_voice_shared.credentials import Verifier, check_exposure

log = structlog.get_logger("cedar_voice.server")

STOP_GRACE_S = 2.0
"""Time that streams may take to end once the server stops."""

SERVICE_NAME = pb.DESCRIPTOR.services_by_name["VoiceService"].full_name

# With these options each hop detects a dead peer within 15 s, and the transport buffers at most
# 64 KiB of a stream that is not read.
OPTIONS: list[tuple[str, int]] = [
    ("grpc.keepalive_time_ms", 8_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.max_send_message_length", 4 << 20),
    ("grpc.max_metadata_size", 16 << 10),
    ("grpc.max_concurrent_streams", 1_000),
    # Two servers on one port must be an error, not a coin toss between them.
    ("grpc.so_reuseport", 0),
]


async def serve(
    settings: ServiceSettings, *, ready: Callable[[str, Engines], None] | None = None
) -> None:
    """Serve until cancelled.

    Args:
        settings: of the process.
        ready: called with the address and the engines once calls are accepted.

    Raises:
        OSError: the address is not free, or not of this machine.
    """
    async with open_server(settings) as (address, engines):
        log.info("serving", grpc_address=address)
        if ready is not None:
            ready(address, engines)
        await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def open_server(settings: ServiceSettings) -> AsyncIterator[tuple[str, Engines]]:
    """Serve for as long as the context lasts; yield the address, with its real port, and engines.

    When the context is cancelled, turns in progress may end first; a second cancellation ends them
    at once.

    Raises:
        OSError: the address is not free, or not of this machine.
        PermissionError: anyone could connect from any machine without a token.
    """
    check_exposure(settings, settings.grpc.address, has_client_ca=bool(settings.grpc.tls_client_ca))
    credentials = server_credentials(settings.grpc)
    verifier = Verifier(settings)
    quotas = Quotas(rates_of(settings.quotas) if verifier.needs_token else Rates())
    limits = limits_of(settings)
    load_network()  # before the first session, which would wait for it
    load_monitor = LoadMonitor(thresholds_of(settings.load))
    async with (
        measured(load_monitor),
        open_engines(settings, load_monitor) as engines,
        Registry(
            RunnerFactory(
                engines,
                limits,
                defaults_of(settings.conversation),
                settings.reliability.stage_timeout_ms,
            ),
            max_sessions=settings.sessions.max_sessions,
            resume_window_ms=limits.resume_window_ms,
            load_monitor=load_monitor,
            quotas=quotas,
        ) as registry,
    ):
        servicer = VoiceServicer(
            registry,
            limits,
            service_info(engines, limits),
            verifier=verifier,
            quotas=quotas,
            send_timeout_s=settings.sessions.send_timeout_ms / 1000,
        )
        server = grpc.aio.server(
            interceptors=[StatusInterceptor()],
            options=[*OPTIONS, ("grpc.max_receive_message_length", limits.max_message_bytes)],
        )
        voice_service_pb2_grpc.add_VoiceServiceServicer_to_server(servicer, server)
        health_servicer = _serve_health_and_reflection(server)
        address = _listen(server, settings.grpc.address, credentials)
        await server.start()
        await health_servicer.set(SERVICE_NAME, health_pb2.HealthCheckResponse.SERVING)
        try:
            yield address, engines
        except asyncio.CancelledError:
            await health_servicer.enter_graceful_shutdown()
            await registry.drain(settings.drain_timeout_ms)
            raise
        finally:
            await health_servicer.enter_graceful_shutdown()
            registry.dismiss()
            await server.stop(STOP_GRACE_S)


def rates_of(settings: QuotaSettings) -> Rates:
    """Return the limits of each user."""
    return Rates(
        max_sessions=settings.max_sessions,
        streams_per_minute=settings.streams_per_minute,
        turns_per_minute=settings.turns_per_minute,
        audio_s_per_minute=settings.audio_s_per_minute,
        messages_per_s=settings.messages_per_s,
    )


def limits_of(settings: ServiceSettings) -> Limits:
    """Return the limits of each session."""
    return Limits(
        max_utterance_ms=settings.conversation.max_utterance_ms,
        resume_window_ms=settings.sessions.resume_window_ms,
        replay_buffer_bytes=settings.sessions.replay_buffer_bytes,
        max_output_lead_ms=settings.conversation.max_output_lead_ms,
    )


def thresholds_of(settings: LoadSettings) -> Thresholds:
    """Return the lags from which on work is shed."""
    return Thresholds(
        partials_ms=settings.shed_partials_lag_ms,
        drafts_ms=settings.shed_drafts_lag_ms,
        sessions_ms=settings.refuse_sessions_lag_ms,
    )


def defaults_of(settings: ConversationSettings) -> SessionConfig:
    """Return the configuration of a session before its own."""
    return SessionConfig(
        turn_detection=TurnDetection(max_utterance_ms=settings.max_utterance_ms),
        generation=Generation(system_prompt=settings.system_prompt, apology=settings.apology),
        output_audio=OutputAudio(max_lead_ms=settings.max_output_lead_ms),
    )


def service_info(engines: Engines, limits: Limits) -> pb.GetServiceInfoResponse:
    """Return the answer of GetServiceInfo."""
    return pb.GetServiceInfoResponse(
        server_info=pb.ServerInfo(name="cedar-voice", version=version("cedar-voice")),
        engines=[
            pb.Engine(
                stage=STAGE_TO_PB[stage],
                name=info.name,
                model=info.model,
                description=info.description,
            )
            for stage, info in engines.infos.items()
        ],
        input_encodings=[ENCODING_TO_PB[encoding] for encoding in INPUT_ENCODINGS],
        output_encodings=[ENCODING_TO_PB[encoding] for encoding in OUTPUT_ENCODINGS],
        limits=encode_limits(limits),
    )


def _serve_health_and_reflection(server: grpc.aio.Server) -> health.aio.HealthServicer:
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    return health_servicer


def _listen(
    server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None
) -> str:
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise OSError(f"cannot listen on {address}") from error
    return f"{address.rpartition(':')[0]}:{port}"
