"""The voice service: sessions, the speech pipeline and its engines behind one gRPC contract."""

import os

# onnxruntime would write a name of this run to a file and report on it to its vendor.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
