"""A user of the SDK that detects every broken promise."""

import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, cast

import cedar_voice.v1 as pb
from cedar_voice_client.enums import ErrorCode
from cedar_voice_client.errors import Unavailable, VoiceClientError
from cedar_voice_client.options import Recovery
from cedar_voice_client.recovery.resuming_stream import ResumingStream
from cedar_voice_client.stream import VoiceStream
from tests.simulation.bridges import BridgedStream
from tests.simulation.engines import ACTION, CHUNK_MS, sound_of
from tests.simulation.network import Network

PATIENCE_S = 120.0
"""Longest wait for an answer, or for its failure."""

RECOVERY = Recovery()

PAUSE_S = 0.5
"""Wait before another attempt to open a session."""


class Broken(AssertionError):
    """A promise of the service was broken."""


def sdk_stream(network: Network, chance: Random) -> ResumingStream:
    """Return the stream of a program."""
    clock_s = asyncio.get_running_loop().time
    return ResumingStream(
        lambda: cast(VoiceStream, network.connect()),
        RECOVERY,
        clock_s=clock_s,
        draw=chance.random,
    )


class Client:
    """One user of a stream. `session` must run in a task beside the user's actions."""

    def __init__(self, stream: ResumingStream | BridgedStream, chance: Random) -> None:
        self._chance = chance
        self._slowness_s = chance.choice((0.0, 0.0, 0.3))
        self._stream = stream
        self._is_open = asyncio.Event()
        self._changed = asyncio.Condition()
        self._received = 0
        self._is_ending = False
        self._cut = 0
        self._sounding = 0
        self._interrupts: list[tuple[int, int]] = []
        """Sequence number and response of each interrupt."""
        self._resume_token = ""
        self.is_taken_over = asyncio.Event()
        self.restores = 0
        self.is_lost = False
        self.asked: Counter[str] = Counter()
        """Number of responses started, by the text of the input."""
        self.finals: list[str] = []
        self.failed_turns: set[int] = set()
        self.started: list[int] = []
        self.completed: Counter[int] = Counter()
        self.sounded_out: Counter[int] = Counter()
        self.actions: Counter[str] = Counter()
        self.resumes = 0

    # -- the user's actions --------------------------------------------------------------------

    async def type(self, text: str) -> None:
        """Send a text, and wait for the start of the response."""
        await self._send(pb.VoiceSessionRequest(text=pb.TextInput(text=text)))
        await self._until(lambda: self.asked[text] > 0, f"{text!r} is not answered")

    async def speak(self, numbers: range) -> None:
        """Speak numbers, and wait until they are transcribed or the recognizer has failed."""
        known = len(self.finals) + len(self.failed_turns)
        await self._control(start_listening=pb.StartListening())
        for number in numbers:
            audio = pb.InputAudio(data=sound_of(number))
            await self._send(pb.VoiceSessionRequest(audio=audio))
            await asyncio.sleep(CHUNK_MS / 1000)
        await self._control(stop_listening=pb.StopListening())
        await self._until(
            lambda: len(self.finals) + len(self.failed_turns) > known,
            f"{numbers} is not transcribed",
        )

    async def request_say(self, text: str) -> None:
        """Request a text verbatim with `Say`, and wait for the start of the response."""
        known = len(self.started)
        await self._control(say=pb.Say(text=text))
        await self._until(lambda: len(self.started) > known, f"{text!r} is not spoken")

    async def interrupt(self) -> None:
        """Interrupt the response in progress."""
        await self._control(interrupt=pb.Interrupt())
        self._interrupts.append((self._stream.sent_sequence, self._sounding))

    async def interrupt_in_mid_answer(self, text: str) -> None:
        """Send a text, and interrupt the response once its audio begins; it may be over before."""
        await self.type(text)
        response_id = max(self.started)
        await self._until(
            lambda: self._sounding >= response_id or self.sounded_out[response_id] > 0,
            f"the answer to {text!r} has no audio",
        )
        await self.interrupt()

    async def until_silence(self) -> None:
        """Wait for the end of every response."""
        await self._until(
            lambda: all(self.completed[r] and self.sounded_out[r] for r in self.started),
            "an answer does not end",
        )

    async def end(self) -> None:
        """End the session for good."""
        self._is_ending = True
        await self._control(end_session=pb.EndSession())

    async def _control(self, **command: Any) -> None:
        await self._send(pb.VoiceSessionRequest(control=pb.Control(**command)))

    async def _send(self, request: pb.VoiceSessionRequest) -> None:
        await self._is_open.wait()
        await self._stream.send(request)

    async def _until(self, is_met: Callable[[], bool], complaint: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S), self._changed:
                await self._changed.wait_for(is_met)
        except TimeoutError:
            raise Broken(complaint) from None

    # -- receiving -----------------------------------------------------------------------------

    async def session(self) -> None:
        """Receive until the session has ended.

        Raises:
            Broken: the service or the SDK has broken a promise.
        """
        async with self._stream:
            await self._open()
            self._is_open.set()
            try:
                await self._receive()
            except VoiceClientError as failure:
                if failure.code is not ErrorCode.SESSION_TAKEN_OVER:
                    raise
                self.is_taken_over.set()
        if not self._is_ending and not self.is_taken_over.is_set():
            raise Broken("the session ended")

    @property
    def position(self) -> pb.ResumeRequest:
        """Position at which another stream resumes the session."""
        return pb.ResumeRequest(
            resume_token=self._resume_token, last_received_sequence=self._received
        )

    def add_received(self, responses: list[pb.VoiceSessionResponse]) -> None:
        """Process the messages received by another stream that has resumed the session."""
        for response in responses:
            if response.sequence > self._received:
                self._process(response)

    async def _receive(self) -> None:
        while (response := await self._stream.receive()) is not None:
            async with self._changed:
                self._process(response)
                self._changed.notify_all()
            if self._slowness_s:
                await asyncio.sleep(self._slowness_s * self._chance.random())

    async def _open(self) -> None:
        """Open a session; repeated attempts are left to the user of the SDK."""
        while True:
            try:
                self._process(await self._stream.open(OPENING))
            except Unavailable:
                await asyncio.sleep(PAUSE_S)
            else:
                return

    def _process(self, response: pb.VoiceSessionResponse) -> None:
        if response.HasField("ready"):
            self._process_ready(response.ready)
        if response.sequence:  # messages made by the SDK have none
            if response.sequence != self._received + 1:
                raise Broken(f"event {response.sequence} after {self._received}")
            self._received = response.sequence
        match response.WhichOneof("payload"):
            case "transcription" if response.transcription.is_final:
                self.finals.append(response.transcription.text)
            case "error":
                self.failed_turns.add(response.turn_id)
            case "response":
                self._process_response(response.response)
            case "audio":
                self._process_audio(response.audio, response.ack)
            case "action":
                self.actions[response.action.action_id] += 1
            case "interruption":
                self._cut = max(self._cut, response.interruption.response_id)
            case _:
                pass

    def _process_ready(self, ready: pb.SessionReady) -> None:
        """Record a new stream in place of a broken one."""
        if ready.replay_truncated:
            raise Broken("events are no longer kept")
        self._resume_token = ready.resume_token
        self.resumes += ready.resumed
        self.restores += ready.restored

    def _process_response(self, event: pb.ResponseEvent) -> None:
        match event.WhichOneof("event"):
            case "started":
                if event.response_id <= max(self.started, default=0):
                    raise Broken("responses are not in order")
                self.started.append(event.response_id)
                self.asked[event.started.user_text] += 1
            case "completed":
                self.completed[event.response_id] += 1
            case _:
                pass

    def _process_audio(self, audio: pb.OutputAudio, accepted: int) -> None:
        if audio.is_last:
            self.sounded_out[audio.response_id] += 1
        if not audio.data:
            return
        if audio.response_id <= self._cut:
            raise Broken("audio of an interrupted answer")
        for sequence, response_id in self._interrupts:
            if audio.response_id <= response_id and sequence <= accepted:
                raise Broken("audio of an answer after its interruption was accepted")
        self._sounding = max(self._sounding, audio.response_id)


OPENING = pb.SessionConfig(
    input_audio=pb.AudioFormat(encoding=pb.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000),
    output_audio=pb.OutputAudioConfig(
        format=pb.AudioFormat(encoding=pb.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000)
    ),
    turn_detection=pb.TurnDetection(mode=pb.TURN_DETECTION_MODE_MANUAL),
    tools=pb.ToolSet(
        tools=[
            pb.ToolDefinition(
                name=ACTION, state_setter=pb.StateSetter(state_key="marks", setter_key="add")
            )
        ]
    ),
)


def first_of(error: BaseException) -> BaseException:
    """Return the first error of a group of tasks."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
