"""Turns as they are lived: speech in real time, engines that take their time, exact to the ms."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from cedar_voice_service.audio.formats import AudioBlock, AudioFormat, EdgeKind, Encoding, Pcm
from cedar_voice_service.providers.protocols import (
    Hypothesis,
    ReplyEnd,
    ReplyPart,
    ReplyRequest,
    ReplyText,
    SpeechRequest,
)
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.config import OutputAudio, SessionConfig, TurnMode
from cedar_voice_service.session.config_patch import ConfigPatch
from tests.support.conversing import PCM, Client, converse
from tests.support.recordings import speech_pcm

BLOCK_MS = 100
BLOCK_BYTES = 3_200
SILENCE = bytes(BLOCK_BYTES)
HUM = slice(3 * BLOCK_BYTES, 8 * BLOCK_BYTES)
"""Half a second of speech: longer than what is no interruption, shorter than what surely is one."""

LIVE = SessionConfig(
    input_audio=PCM,
    output_audio=OutputAudio(
        AudioFormat(Encoding.PCM_S16LE, 24_000), max_lead_ms=300, supports_hold=True
    ),
)


class Attentive:
    """A recognizer that is done with what was said `delay_s` after each pause began."""

    def __init__(self, text: str = "what is the weather", delay_s: float = 0.1) -> None:
        self.text = text
        self._delay_s = delay_s

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        async for block in audio:
            if any(edge.kind is EdgeKind.STOPPED for edge in block.edges):
                await asyncio.sleep(self._delay_s)
                yield Hypothesis(self.text, is_final=False, is_settled=True)
        yield Hypothesis(self.text, is_final=True)


class Thoughtful:
    """A model that thinks for 200 ms, then writes a clause each 50 ms; counts what it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        self.asked += 1
        await asyncio.sleep(0.2)
        for _ in range(40):
            yield ReplyText("It is a fine day. ")
            await asyncio.sleep(0.05)
        yield ReplyEnd()


class Prompt:
    """A voice that needs 100 ms and then speaks a second for each phrase."""

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        await asyncio.sleep(0.1)
        for _ in range(10):
            yield Pcm(bytes(4_800), 24_000)


class Tireless:
    """A model that writes for ever, and a voice that speaks each phrase for ever, in real time."""

    def __init__(self) -> None:
        self.at_work: Counter[str] = Counter()
        self.stopped_at_s: dict[str, float] = {}

    async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
        with self._working("model"):
            while True:
                yield ReplyText("It is a fine day. ")
                await asyncio.sleep(0.5)

    async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        with self._working("voice"):
            while True:
                yield Pcm(bytes(4_800), 24_000)
                await asyncio.sleep(0.1)

    @contextmanager
    def _working(self, name: str) -> Iterator[None]:
        self.at_work[name] += 1
        try:
            yield
        finally:
            self.at_work[name] -= 1
            self.stopped_at_s[name] = asyncio.get_running_loop().time()


async def hear(client: Client, pcm: bytes) -> None:
    """Send microphone audio in real time."""
    for start in range(0, len(pcm), BLOCK_BYTES):
        await asyncio.sleep(BLOCK_MS / 1000)
        await client.send(on.AudioReceived(pcm[start : start + BLOCK_BYTES]))


async def ask(client: Client) -> None:
    """Ask a question and be silent until the turn has ended."""
    await hear(client, speech_pcm() + SILENCE * 15)


def test_an_answer_drafted_in_the_pause_is_heard_the_moment_the_turn_is_over() -> None:
    model = Thoughtful()

    async def story(client: Client) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(client))
            first = await client.until(msg.OutputAudio)
        assert first.data
        await client.send(on.InterruptRequested())
        metrics = await client.until(msg.TurnMetrics)
        # The pause is known after 200 ms of it, thinking and speaking take 300, the turn ends
        # after 500.
        assert metrics.response_latency_ms == 0
        assert (metrics.drafts, metrics.dropped_drafts) == (1, 0)
        assert model.asked == 1

    ear = Attentive(delay_s=0.0)
    converse(story, config=LIVE, transcriber=ear, responder=model, synthesizer=Prompt())


def test_without_a_draft_the_same_answer_takes_its_stages() -> None:
    config = LIVE.patched(ConfigPatch(generation={"draft_replies": False}))

    async def story(client: Client) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(client))
            await client.until(msg.OutputAudio)
        await client.send(on.InterruptRequested())
        metrics = await client.until(msg.TurnMetrics)
        assert metrics.response_latency_ms == 300

    engines = {"transcriber": Attentive(), "responder": Thoughtful(), "synthesizer": Prompt()}
    converse(story, config=config, **engines)  # type: ignore[arg-type]


def test_words_over_an_answer_stop_its_engines_within_50_ms() -> None:
    engines = Tireless()
    ear = Attentive(delay_s=0.0)

    async def story(client: Client) -> None:
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(ask(client))
            await client.until(msg.OutputAudio)
            await asking
            ear.text = "stop"
            talking = group.create_task(hear(client, speech_pcm() + SILENCE * 4))
            held = await client.until(msg.PlaybackHold)
            assert held.held
            assert engines.at_work["model"] == 1 and engines.at_work["voice"] > 0
            assert engines.stopped_at_s == {}
            cut = await client.until(msg.Interruption)
            cut_at_s = asyncio.get_running_loop().time()
            assert cut.reason is msg.InterruptionReason.USER_SPEECH
            await asyncio.sleep(0.05)
            assert engines.at_work.total() == 0
            assert max(engines.stopped_at_s.values()) <= cut_at_s + 0.05
            await talking

    converse(story, config=LIVE, transcriber=ear, responder=engines, synthesizer=engines)


def test_a_hum_over_an_answer_holds_it_and_lets_it_go_on() -> None:
    ear = Attentive()
    hum = speech_pcm()[HUM]

    async def story(client: Client) -> None:
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(ask(client))
            await client.until(msg.OutputAudio)
            await asking
            ear.text = "mm-hm"
            humming = group.create_task(hear(client, hum + SILENCE * 8))
            await client.until(msg.PlaybackHold, count=2)
            await humming
            ear.text = "stop"
            group.create_task(hear(client, speech_pcm() + SILENCE * 4))
            await client.until(msg.Interruption)
        holds = [(held.response_id, held.held) for held in client.of(msg.PlaybackHold)]
        assert holds[:2] == [(1, True), (1, False)]
        humming_to_stop = client.messages[client.messages.index(msg.PlaybackHold(1, held=False)) :]
        assert [said for said in humming_to_stop if isinstance(said, msg.OutputAudio)]

    engines = Tireless()
    converse(story, config=LIVE, transcriber=ear, responder=engines, synthesizer=engines)


class Slow:
    """A recognizer that needs 12 s when an utterance is over; keeps what it was given."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    async def transcribe(
        self, audio: AsyncIterator[AudioBlock], language: str
    ) -> AsyncGenerator[Hypothesis, None]:
        self.heard.append(b"".join([block.pcm.data async for block in audio]))
        for _ in range(3):
            await asyncio.sleep(4)
            yield Hypothesis("part", is_final=False)
        yield Hypothesis(f"part {len(self.heard)}", is_final=True)


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "at once"])
def test_a_recording_longer_than_a_turn_is_recognized_whole_and_each_sample_once(
    is_live: bool,
) -> None:
    ear, pcm = Slow(), speech_pcm() * 10
    detection = {"mode": TurnMode.MANUAL, "max_utterance_ms": 8_000}
    config = LIVE.patched(ConfigPatch(turn_detection=detection))

    async def story(client: Client) -> None:
        await client.send(on.ListeningStarted())
        if is_live:
            await hear(client, pcm)
        else:
            await client.send(on.AudioReceived(pcm))
        await client.send(on.ListeningStopped())
        completed = await client.until(msg.ResponseStarted)
        finals = [
            (said.text, said.continues) for said in client.of(msg.Transcription) if said.is_final
        ]
        assert finals[-1] == (completed.user_text, False)
        assert all(continues for _, continues in finals[:-1])
        assert client.of(msg.Error) == []
        assert b"".join(ear.heard) == pcm

    converse(story, config=config, transcriber=ear)


def test_an_utterance_waits_for_a_client_that_is_away() -> None:
    pcm = speech_pcm()

    async def story(client: Client) -> None:
        await client.send(on.AudioReceived(pcm[: len(pcm) // 2]))
        await client.until(msg.SpeechActivity)
        client.leave()
        await asyncio.sleep(10)
        await client.come_back()
        await client.send(on.AudioReceived(pcm[len(pcm) // 2 :] + SILENCE * 20))
        await client.until(msg.TurnMetrics)
        (said,) = [said for said in client.of(msg.Transcription) if said.is_final]
        assert said.end_ms - said.start_ms > len(pcm) // 32

    converse(story, config=LIVE)


def test_a_text_is_spoken_without_the_model() -> None:
    model = Thoughtful()

    async def story(client: Client) -> None:
        await client.send(on.SpeechRequested("Good morning."))
        completed = await client.until(msg.ResponseCompleted)
        assert completed.text == "Good morning."
        spoken = await client.until(msg.OutputAudio)
        assert spoken.data and spoken.text == "Good morning."
        assert model.asked == 0

    converse(story, config=LIVE, responder=model)
