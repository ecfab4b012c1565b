"""The provider of the benchmarks, as a process: the stand-in, which recognizes their utterance.

    python -m benchmarks.provider [--brief]

It prints its base URL and serves until it is terminated. `--brief` answers any input at once with
three words, and keeps no requests.
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
    """Serve until terminated, with the default latencies of the stand-in."""
    recognizer = Recognizer(load_recording())
    async with OpenAIStandin(
        transcript=lambda wav: recognizer.text_of(wav[_WAV_HEADER_BYTES:])
    ) as server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()


async def run_briefly() -> None:
    """Serve until terminated, without latencies."""
    async with OpenAIStandin(answers=(Answer("It is done."),), latencies=INSTANT) as server:
        print(server.base_url, flush=True)
        while True:
            await asyncio.sleep(_FORGET_S)
            server.requests.clear()


if __name__ == "__main__":
    uvloop.run(run_briefly() if "--brief" in sys.argv else run())
