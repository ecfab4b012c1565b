"""A client of the service that speaks a recording in real time and notes when it is answered."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

import cedar_voice.v1 as pb
from benchmarks.recording import PIECE_MS, Recording
from cedar_voice.v1 import voice_service_pb2_grpc
from tests.support.openai_script import Pace

TURN_TIMEOUT_S = 30

Call = grpc.aio.StreamStreamCall[pb.VoiceSessionRequest, pb.VoiceSessionResponse]


class TurnFailed(Exception):
    """The service reported an error, or ended the session."""


class Caller:
    """One voice session over gRPC with push to talk."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._first_audio_s: asyncio.Future[float] = asyncio.Future()
        self._audio_is_over = asyncio.Event()

    async def first_audio_ms(self, recording: Recording, *, listen_s: float) -> float:
        """Speak, and time from `stop_listening` to the first audio of the answer.

        The answer is listened to for `listen_s` and then interrupted.

        Raises:
            TurnFailed: there was no answer.
        """
        self._first_audio_s = asyncio.Future()
        self._audio_is_over.clear()
        await self._speak(recording)
        stopped_s = time.monotonic()
        await self._command(pb.Control(stop_listening=pb.StopListening()))
        async with asyncio.timeout(TURN_TIMEOUT_S):
            heard_s = await self._first_audio_s
            await asyncio.sleep(listen_s)
            await self._command(pb.Control(interrupt=pb.Interrupt()))
            await self._audio_is_over.wait()
        return (heard_s - stopped_s) * 1000

    async def _speak(self, recording: Recording) -> None:
        await self._command(pb.Control(start_listening=pb.StartListening()))
        pace = Pace(PIECE_MS, PIECE_MS)
        for piece in recording.pieces:
            await pace.tick()
            await self._call.write(pb.VoiceSessionRequest(audio=pb.InputAudio(data=piece)))

    async def _command(self, control: pb.Control) -> None:
        await self._call.write(pb.VoiceSessionRequest(control=control))

    async def listen(self) -> None:
        """Note everything that the service says, until it ends the stream."""
        async for response in self._call:
            if response.HasField("error"):
                self._fail(response.error.message)
            if response.HasField("audio"):
                self._note(response.audio)
        self._fail("the session ended")

    def _note(self, audio: pb.OutputAudio) -> None:
        if audio.data and not self._first_audio_s.done():
            self._first_audio_s.set_result(time.monotonic())
        if audio.is_last:
            self._audio_is_over.set()

    def _fail(self, message: str) -> None:
        if not self._first_audio_s.done():
            self._first_audio_s.set_exception(TurnFailed(message))


@asynccontextmanager
async def calling(address: str) -> AsyncIterator[Caller]:
    """Open a session; ends it when the context ends."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: voice_service_pb2_grpc.VoiceServiceAsyncStub
        stub = voice_service_pb2_grpc.VoiceServiceStub(channel)
        call = stub.VoiceSession()
        mode = pb.TurnDetection(mode=pb.TURN_DETECTION_MODE_MANUAL)
        await call.write(pb.VoiceSessionRequest(config=pb.SessionConfig(turn_detection=mode)))
        caller = Caller(call)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(caller.listen())
            try:
                yield caller
            finally:
                await call.write(
                    pb.VoiceSessionRequest(control=pb.Control(end_session=pb.EndSession()))
                )
