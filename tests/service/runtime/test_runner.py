"""A running session, on scripted engines and in virtual time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from cedar_voice_service.audio.formats import AudioBlock, AudioFormat, Encoding, Pcm
from cedar_voice_service.errors import Code, EngineError, Stage
from cedar_voice_service.providers.protocols import (
    Hypothesis,
    ReplyEnd,
    ReplyPart,
    ReplyRequest,
    ReplyText,
    SpeechRequest,
    ToolCall,
)
from cedar_voice_service.providers.scripted.engine import (
    ScriptedResponder,
)
from cedar_voice_service.session import events as on
from cedar_voice_service.session import messages as msg
from cedar_voice_service.session.answer_parts import FinishReason, Usage
from cedar_voice_service.session.config import (
    OutputAudio,
    SessionConfig,
    Tool,
    VoiceSettings,
)
from cedar_voice_service.session.events import ClientMessage
from cedar_voice_service.session.history import ToolOutcome
from tests.support.conversing import Client, converse
from tests.support.recordings import speech_pcm


def test_a_spoken_turn_comes_back_as_text_and_speech() -> None:
    async def story(client: Client) -> None:
        await client.speak()
        metrics = await client.until(msg.TurnMetrics)
        finals = [heard.text for heard in client.of(msg.Transcription) if heard.is_final]
        assert finals == ["what is the weather"]
        (completed,) = client.of(msg.ResponseCompleted)
        assert completed.text == "".join(delta.text for delta in client.of(msg.ResponseDelta))
        spoken_ms = sum(speech.duration_ms for speech in client.of(msg.OutputAudio))
        assert spoken_ms == metrics.output_audio_ms > 500

    converse(story)


def test_the_recognizer_gets_every_sample_once_and_no_empty_block() -> None:
    blocks: list[bytes] = []

    class Listening:
        async def transcribe(
            self, audio: AsyncIterator[AudioBlock], language: str
        ) -> AsyncGenerator[Hypothesis, None]:
            blocks.extend([block.pcm.data async for block in audio])
            yield Hypothesis("heard", is_final=True)

    async def story(client: Client) -> None:
        await client.speak()
        await client.until(msg.ResponseStarted)
        assert all(blocks)
        assert b"".join(blocks) == speech_pcm()

    converse(story, transcriber=Listening())


def test_partials_come_while_the_user_speaks() -> None:
    async def story(client: Client) -> None:
        await client.speak()
        await client.until(msg.ResponseStarted)
        partials = [heard.text for heard in client.of(msg.Transcription) if not heard.is_final]
        assert partials

    converse(story)


def test_speech_begins_while_the_model_still_writes() -> None:
    class Slow:
        async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
            yield ReplyText("Here is the first clause, ")
            await asyncio.sleep(3)
            yield ReplyText("and here is the rest of it.")
            yield ReplyEnd()

    async def story(client: Client) -> None:
        await client.send(on.TextEntered("go"))
        await client.until(msg.ResponseCompleted)
        assert [speech for speech in client.of(msg.OutputAudio) if speech.data]

    converse(story, responder=Slow())


def test_the_next_phrase_is_synthesized_while_the_one_before_is() -> None:
    class Slow:
        def __init__(self) -> None:
            self.at_once = self.most_at_once = 0

        async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(0.5)
            yield Pcm(bytes(4_800), 24_000)
            self.at_once -= 1

    slow = Slow()
    replies = {"go": "One sentence. Two sentences. Three sentences. Four sentences. Five. Six."}

    async def story(client: Client) -> None:
        await client.send(on.TextEntered("go"))
        await client.until(msg.TurnMetrics)

    converse(story, responder=ScriptedResponder(replies=replies), synthesizer=slow)
    assert 2 <= slow.most_at_once <= 4


def test_an_interruption_reaches_the_engines() -> None:
    closed: list[str] = []

    class Endless:
        async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
            try:
                while True:
                    yield ReplyText("And another sentence. ")
                    await asyncio.sleep(0.1)
            finally:
                closed.append("responder")

    class EndlessVoice:
        async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
            try:
                while True:
                    yield Pcm(bytes(4_800), 24_000)
                    await asyncio.sleep(0.05)
            finally:
                closed.append("synthesizer")

    async def story(client: Client) -> None:
        await client.send(on.TextEntered("go"))
        await client.until(msg.OutputAudio, count=3)
        await client.send(on.InterruptRequested())
        cut = await client.until(msg.Interruption)
        assert cut.reason is msg.InterruptionReason.CLIENT_REQUEST
        await client.send(on.TextEntered("again"))
        await client.until(msg.OutputAudio, count=2)
        assert "responder" in closed and "synthesizer" in closed
        first = [speech for speech in client.of(msg.OutputAudio) if speech.response_id == 1]
        assert [speech.is_last for speech in first].count(True) == 1

    converse(story, responder=Endless(), synthesizer=EndlessVoice())


def test_audio_is_sent_at_the_pace_of_playback_where_the_client_asks_for_it() -> None:
    config = SessionConfig(
        output_audio=OutputAudio(AudioFormat(Encoding.PCM_S16LE, 24_000), max_lead_ms=0)
    )

    async def story(client: Client) -> None:
        loop = asyncio.get_running_loop()
        await client.send(on.TextEntered("go"))
        await client.until(msg.OutputAudio)
        began_s = loop.time()
        await client.until(msg.TurnMetrics)
        spoken_s = sum(speech.duration_ms for speech in client.of(msg.OutputAudio)) / 1000
        assert abs((loop.time() - began_s) - spoken_s) < 0.2

    converse(story, config=config)


def test_a_client_that_speaks_itself_gets_no_audio() -> None:
    class Forbidden:
        def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
            raise AssertionError("nobody asked for speech")

    async def story(client: Client) -> None:
        await client.send(on.TextEntered("go"))
        await client.until(msg.TurnMetrics)
        assert [speech.data for speech in client.of(msg.OutputAudio)] == [b""]

    config = SessionConfig(settings=VoiceSettings(use_browser_tts=True))
    converse(story, config=config, synthesizer=Forbidden())


def test_a_failed_synthesizer_leaves_the_text() -> None:
    class Mute:
        async def synthesize(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
            raise EngineError(Stage.TTS, "no voice")
            yield

    async def story(client: Client) -> None:
        await client.send(on.TextEntered("go"))
        await client.until(msg.TurnMetrics)
        (failed,) = client.of(msg.Error)
        assert failed.error.code is Code.TTS_FAILED
        (completed,) = client.of(msg.ResponseCompleted)
        assert completed.finish_reason is FinishReason.STOP and completed.text

    converse(story, synthesizer=Mute())


def test_a_defect_of_an_engine_costs_the_turn_and_not_the_session() -> None:
    class Broken:
        async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
            if request.history[-1].text == "break":  # type: ignore[union-attr]
                raise ZeroDivisionError
            yield ReplyText("Fine.")
            yield ReplyEnd()

    async def story(client: Client) -> None:
        await client.send(on.TextEntered("break"))
        failed = await client.until(msg.Error)
        assert failed.error.code is Code.INTERNAL
        await client.send(on.TextEntered("work"))
        completed = await client.until(msg.ResponseCompleted, count=2)
        assert completed.text == "Fine."

    converse(story, responder=Broken())


def test_a_recognizer_that_fails_is_reported_and_the_next_turn_works() -> None:
    class Flaky:
        def __init__(self) -> None:
            self.turns = 0

        async def transcribe(
            self, audio: AsyncIterator[AudioBlock], language: str
        ) -> AsyncGenerator[Hypothesis, None]:
            self.turns += 1
            async for _ in audio:
                pass
            if self.turns == 1:
                raise EngineError(Stage.STT, "down")
            yield Hypothesis("second try", is_final=True)

    async def story(client: Client) -> None:
        await client.speak()
        failed = await client.until(msg.Error)
        assert failed.error.code is Code.STT_FAILED
        await client.speak()
        started = await client.until(msg.ResponseStarted)
        assert started.user_text == "second try"

    converse(story, transcriber=Flaky())


def test_a_tool_call_becomes_an_action_and_the_model_is_asked_again() -> None:
    class Caller:
        async def respond(self, request: ReplyRequest) -> AsyncGenerator[ReplyPart, None]:
            if isinstance(request.history[-1], ToolOutcome):
                yield ReplyText("It is dark now.")
            else:
                yield ToolCall("call-1", "setTheme", '{"theme": "dark"}')
                yield ToolCall("call-2", "formatDisk", "{}")
            yield ReplyEnd(prompt_tokens=3, completion_tokens=4)

    tool = Tool("setTheme", state_key="ui", setter_key="set", argument_order=("theme",))

    async def story(client: Client) -> None:
        await client.send(on.TextEntered("go"))
        completed = await client.until(msg.ResponseCompleted)
        (requested,) = client.of(msg.ActionRequested)
        assert requested.action.args_json == '["dark"]'
        (failed,) = client.of(msg.Error)
        assert failed.error.code is Code.INVALID_ACTION
        assert completed.text == "It is dark now."
        assert completed.usage == Usage(6, 8)

    converse(story, config=SessionConfig(tools=(tool,)), responder=Caller())


def test_a_repeated_message_is_taken_once() -> None:
    async def story(client: Client) -> None:
        for _ in range(3):
            await client.runner.receive(ClientMessage(on.TextEntered("once"), sequence=1))
        await client.until(msg.TurnMetrics)
        assert len(client.of(msg.ResponseStarted)) == 1
        assert client.runner.accepted_sequence == 1

    converse(story)


def test_garbage_audio_is_refused_and_the_session_goes_on() -> None:
    async def story(client: Client) -> None:
        await client.send(on.AudioReceived(b"this is not audio at all, not in the least" * 20))
        failed = await client.until(msg.Error)
        assert failed.error.stage is Stage.AUDIO_INPUT
        await client.send(on.TextEntered("still there?"))
        await client.until(msg.ResponseCompleted)

    converse(story, config=SessionConfig())
