"""The provider of the benchmarks, as a process: the stand-in, which understands their utterance.

    python -m benchmarks.provider [--brief]

It prints its base URL and serves until it is terminated. `--brief` answers at once and in three
words, whatever it hears, and forgets what it was asked.
"""

import asyncio
import sys

import uvloop

from benchmarks.recognition import Recognizer
from benchmarks.recording import load_recording
from tests.support.openai_script import INSTANT, Answer
from tests.support.openai_standin import OpenAIStandin

_WAV_HEADER_BYTES = 44
_FORGET_S = 5.0


async def run() -> None:
    """Serve for good, with the latencies that the stand-in has by default."""
    recognizer = Recognizer(load_recording())
    async with OpenAIStandin(
        transcript=lambda wav: recognizer.text_of(wav[_WAV_HEADER_BYTES:])
    ) as server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()


async def run_briefly() -> None:
    """Serve for good, as fast as can be."""
    async with OpenAIStandin(answers=(Answer("It is done."),), latencies=INSTANT) as server:
        print(server.base_url, flush=True)
        while True:
            await asyncio.sleep(_FORGET_S)
            server.requests.clear()


if __name__ == "__main__":
    uvloop.run(run_briefly() if "--brief" in sys.argv else run())
