"""The process that decodes recordings; run with `python -m`.

Its arguments are its bounds: bytes of memory, and seconds of processor time for one request. A
request begins with the number of its decoder: `BEGIN` opens it for a format, `DATA` feeds it,
`END` closes it. A reply is one byte, then samples or the refusal of the decoder. Any other failure
ends the process.
"""

import resource
import signal
import sys

import msgspec

from cedar_voice_service.audio.decoder import Decoder, open_decoder
from cedar_voice_service.audio.formats import AudioFormat
from cedar_voice_service.errors import CallerError
from cedar_voice_service.workers.decoding_messages import NUMBER, REFUSED, SAMPLES, DecodingRefusal
from cedar_voice_service.workers.frames import BEGIN, DATA, serve

_OPEN_FILES = 4
"""Three standard streams and the replies; the process opens no other file."""

_decode_format = msgspec.msgpack.Decoder(AudioFormat).decode


class _Decoders:
    def __init__(self, cpu_s: float) -> None:
        self._cpu_s = cpu_s
        self._decoders: dict[int, Decoder] = {}

    def answer(self, kind: bytes, body: bytes) -> bytes:
        # Its signal ends the process; the timer stands still while the process waits for a request.
        signal.setitimer(signal.ITIMER_PROF, self._cpu_s)
        (number,) = NUMBER.unpack_from(body)
        try:
            return SAMPLES + self._samples(kind, number, body[NUMBER.size :])
        except CallerError as error:
            refusal = DecodingRefusal(error.code, error.message, error.field)
            return REFUSED + msgspec.json.encode(refusal)

    def _samples(self, kind: bytes, number: int, data: bytes) -> bytes:
        if kind == BEGIN:
            self._decoders[number] = open_decoder(_decode_format(data))
            return b""
        if kind == DATA:
            return self._decoders[number].feed(data)
        return self._decoders.pop(number).flush()


def _bound(memory_bytes: int) -> None:
    """Set the limits of the process, which the system enforces."""
    for kind, most in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def main() -> None:
    """Serve until the input ends."""
    _bound(int(sys.argv[1]))
    serve(_Decoders(cpu_s=float(sys.argv[2])).answer)


if __name__ == "__main__":
    main()
