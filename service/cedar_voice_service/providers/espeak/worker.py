"""The synthesizer's child process; run with `python -m`.

A request is a JSON object, the arguments of `EspeakLibrary.speak`; its reply is the sample rate in
four bytes, big endian, and the samples.
"""

import json
import struct

from cedar_voice_service.providers.espeak.library import EspeakLibrary
from cedar_voice_service.workers.frames import serve


def main() -> None:
    """Serve until the input ends."""
    library = EspeakLibrary()
    rate = struct.pack("!I", library.rate_hz)
    serve(lambda _kind, body: rate + library.speak(**json.loads(body)))


if __name__ == "__main__":
    main()
