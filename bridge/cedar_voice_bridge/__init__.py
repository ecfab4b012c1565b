"""The browser bridge: WebSocket JSON of Cedar frontends to the gRPC contract, through the SDK."""

import os

# As the service does, where it is explained; a process has one choice.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener,-event_engine_client")
