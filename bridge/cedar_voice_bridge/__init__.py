"""The browser bridge: WebSocket JSON of Cedar frontends to the gRPC contract, through the SDK."""

import os

# The same choice as the service's, which says why: both may run in one process.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener,-event_engine_client")
