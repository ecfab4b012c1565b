"""The recognizer's child process: one utterance at a time, one reply to each request.

Run with `python -m`. `BEGIN` discards the utterance before, `DATA` carries 16 kHz mono samples and
is answered with the words so far, `END` is answered with the transcript as JSON.
"""

import json

from cedar_voice_service.providers.pocketsphinx.recognizer import DecodedUtterance, Recognizer
from cedar_voice_service.workers.frames import DATA, END, serve


class _RecognizerWorker:
    def __init__(self) -> None:
        self._recognizer = Recognizer()
        self._utterance = DecodedUtterance(self._recognizer)

    def answer(self, kind: bytes, body: bytes) -> bytes:
        if kind == DATA:
            return self._utterance.add(body).encode()
        if kind == END:
            transcript = self._utterance.finish()
            return json.dumps([transcript.text, transcript.confidence]).encode()
        self._utterance = DecodedUtterance(self._recognizer)
        return b""


if __name__ == "__main__":
    serve(_RecognizerWorker().answer)
