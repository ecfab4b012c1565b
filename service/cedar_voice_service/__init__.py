"""The voice service: sessions, the speech pipeline and its engines behind one gRPC contract."""

import os

# onnxruntime would write a name of this run to a file and report on it to its vendor.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# gRPC hands every read and write of a server to threads of its own; its older way does without, and
# costs less with the asyncio loop that waits for them. An experiment is what gRPC calls the choice.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_listener,-event_engine_client")
