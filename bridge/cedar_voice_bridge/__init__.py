"""The browser bridge: JSON of Cedar frontends to the gRPC contract, through the SDK."""

import os

# The same value as in the service, where the reason stands: both may run in one process.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener,-event_engine_client")
