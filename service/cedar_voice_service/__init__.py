"""The voice service: sessions, the speech pipeline and its engines behind one gRPC contract."""

import os

# onnxruntime would write a name of this run to a file and report on it to its vendor.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# gRPC passes what is read and written through a pool of threads, unless it is told to do that in
# the one thread that wakes the asyncio loop: fewer switches, less processor time.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener,-event_engine_client")
