"""The provider of the benchmarks, as a process: the stand-in, which understands their utterance.

    python -m benchmarks.provider

It prints its base URL and serves until it is terminated.
"""

import asyncio

import uvloop

from benchmarks.recognition import Recognizer
from benchmarks.recording import load_recording
from tests.support.openai_standin import OpenAIStandin

_WAV_HEADER_BYTES = 44


async def run() -> None:
    """Serve for good, with the latencies that the stand-in has by default."""
    recognizer = Recognizer(load_recording())
    async with OpenAIStandin(
        transcript=lambda wav: recognizer.text_of(wav[_WAV_HEADER_BYTES:])
    ) as server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(run())
