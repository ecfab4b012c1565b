"""TLS between callers and the service, with certificates made for the test."""

from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from cedar_voice_bridge.app import serve as serve_bridge
from cedar_voice_bridge.settings import BridgeSettings
from cedar_voice_client import Unavailable, VoiceClient
from cedar_voice_service.server import open_server, serve
from tests.support.bridge import bridging
from tests.support.openai_standin import OpenAIStandin
from tests.support.service import settings, settings_of


class Papers:
    """A certificate authority, and the files of the certificates it signed."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self._folder = folder
        self.ca = self._write("ca.pem", self.authority.cert_pem)
        self.certificate, self.key = self._pair("localhost", "127.0.0.1")
        self.client_certificate, self.client_key = self._pair("client@voice.example")

    def read(self, *paths: str) -> list[bytes]:
        """Return the contents of files."""
        return [Path(path).read_bytes() for path in paths]

    def _pair(self, *names: str) -> tuple[str, str]:
        made = self.authority.issue_cert(*names)
        return (
            self._write(f"{names[0]}.pem", made.cert_chain_pems[0]),
            self._write(f"{names[0]}.key", made.private_key_pem),
        )

    def _write(self, name: str, blob: trustme.Blob) -> str:
        path = self._folder / name
        blob.write_to_path(str(path))
        return str(path)


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    """Return certificates for this test."""
    return Papers(tmp_path)


def served_with(papers: Papers, standin: OpenAIStandin, **more: Any) -> Any:
    """Serve with TLS, as `open_server` does."""
    tls = {"grpc_tls_certificate": papers.certificate, "grpc_tls_key": papers.key}
    return open_server(settings_of(standin, **tls, **more))


async def test_who_trusts_the_authority_is_served_and_nobody_in_plain_text(papers: Papers) -> None:
    async with OpenAIStandin() as standin, served_with(papers, standin) as (address, _):
        trusted = grpc.ssl_channel_credentials(*papers.read(papers.ca))
        async with VoiceClient(address, tls=trusted) as client:
            assert (await client.service_info()).engines
        for tls in (False, True):
            async with VoiceClient(address, tls=tls) as client:
                with pytest.raises(Unavailable):
                    await client.service_info(timeout_s=3)


async def test_a_client_authority_asks_every_client_for_its_certificate(papers: Papers) -> None:
    mutual = {"grpc_tls_client_ca": papers.ca}
    async with OpenAIStandin() as standin, served_with(papers, standin, **mutual) as (address, _):
        shown = papers.read(papers.ca, papers.client_key, papers.client_certificate)
        async with VoiceClient(address, tls=grpc.ssl_channel_credentials(*shown)) as client:
            assert (await client.service_info()).engines
        async with VoiceClient(address, tls=grpc.ssl_channel_credentials(shown[0])) as client:
            with pytest.raises(Unavailable):
                await client.service_info(timeout_s=3)


async def test_the_bridge_shows_its_certificate(papers: Papers) -> None:
    mutual = {"grpc_tls_client_ca": papers.ca}
    shown = {
        "grpc_ca": papers.ca,
        "grpc_client_certificate": papers.client_certificate,
        "grpc_client_key": papers.client_key,
    }
    async with (
        OpenAIStandin() as standin,
        served_with(papers, standin, **mutual) as (address, _),
        bridging(address, **shown) as bridge,
        bridge.connect() as socket,
    ):
        assert await socket.hear_until("ready")


async def test_half_of_what_tls_needs_is_refused(papers: Papers) -> None:
    with pytest.raises(OSError, match="CEDAR_GRPC_TLS_KEY"):
        await serve(settings(grpc_tls_certificate=papers.certificate))


async def test_a_public_address_without_auth_does_not_start() -> None:
    with pytest.raises(PermissionError, match="CEDAR_AUTH_TOKENS"):
        await serve(settings(grpc_address="0.0.0.0:0"))
    with pytest.raises(PermissionError, match="CEDAR_AUTH_TOKENS"):
        await serve_bridge(BridgeSettings(http_address="0.0.0.0:0"))
