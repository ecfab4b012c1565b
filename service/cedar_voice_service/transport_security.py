"""TLS of the gRPC server: its own certificate, and the authority of clients' certificates."""

from pathlib import Path

import grpc

from cedar_voice_service.settings import GrpcSettings


def server_credentials(settings: GrpcSettings) -> grpc.ServerCredentials | None:
    """Load the credentials of the server; None is plain text.

    Raises:
        OSError: a file cannot be read, or the settings name one of two files that belong together.
    """
    files = (settings.tls_key, settings.tls_certificate)
    if not any(files) and not settings.tls_client_ca:
        return None
    if not all(files):
        raise OSError("TLS needs CEDAR_GRPC_TLS_CERTIFICATE and CEDAR_GRPC_TLS_KEY")
    key, certificate = (Path(file).read_bytes() for file in files)
    ca = Path(settings.tls_client_ca).read_bytes() if settings.tls_client_ca else None
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=ca, require_client_auth=ca is not None
    )
