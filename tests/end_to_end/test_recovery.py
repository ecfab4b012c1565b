"""Connections that break and services that die, as real processes and over real sockets."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import cedar_voice.v1 as pb
from cedar_voice_client import (
    AudioEncoding,
    AudioFormat,
    ErrorCode,
    Recovery,
    SessionLost,
    SessionOptions,
    SessionRefused,
    TurnDetection,
    TurnDetectionMode,
    VoiceClient,
    VoiceSession,
    events,
)
from tests.support.bridge import bridging
from tests.support.flaky_link import FlakyLink, flaky_link
from tests.support.http_clients import VOICE, event_source, form
from tests.support.mortal_service import MortalService, mortal_service
from tests.support.recordings import speech_pcm
from tests.support.service import LOCAL, running, settings

MANUAL = SessionOptions(
    session_id="mine",
    input_audio=AudioFormat(AudioEncoding.PCM_S16LE, 16_000, 1),
    turn_detection=TurnDetection(mode=TurnDetectionMode.MANUAL),
)
HASTE = Recovery(first_wait_s=0.05, max_wait_s=0.2)
ALERT = Recovery(first_wait_s=0.05, max_wait_s=0.2, ping_after_s=0.2, pong_within_s=0.3)
PIECE_BYTES = 3_200
WORDS = {"weather", "london"}
PATIENCE_S = 60.0
LEEWAY_S = 8.0
"""For the answer itself, on a machine that has other work."""

pytestmark = pytest.mark.xdist_group("recovery")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[MortalService]:
    async with mortal_service(tmp_path) as running_service:
        yield running_service


@asynccontextmanager
async def talking(
    address: str, recovery: Recovery | None = HASTE, options: SessionOptions = MANUAL
) -> AsyncIterator[VoiceSession]:
    async with VoiceClient(address) as client, client.session(options, recovery=recovery) as it:
        yield it


async def until(session: VoiceSession, kind: type[events.Event]) -> list[events.Event]:
    """The events up to the first of a kind."""
    heard: list[events.Event] = []
    async with asyncio.timeout(PATIENCE_S):
        async for event in session:
            heard.append(event)
            if isinstance(event, kind):
                return heard
    raise AssertionError(f"the session ended before {kind.__name__}")


async def say(session: VoiceSession, pcm: bytes) -> None:
    for start in range(0, len(pcm), PIECE_BYTES):
        await session.send_audio(pcm[start : start + PIECE_BYTES])


def finals(heard: list[events.Event]) -> list[str]:
    return [e.text for e in heard if isinstance(e, events.Transcription) and e.is_final]


def of_kind(heard: list[events.Event], kind: type[events.Event]) -> list[events.Event]:
    return [event for event in heard if isinstance(event, kind)]


def assert_positions_grow(heard: list[events.Event]) -> None:
    positions = [(event.term, event.sequence) for event in heard if event.sequence]
    assert positions == sorted(set(positions))


# -- the service dies --------------------------------------------------------------------------


async def test_words_said_to_a_service_that_is_killed_are_transcribed_once(
    service: MortalService,
) -> None:
    pcm = speech_pcm()
    half = len(pcm) // 2 // PIECE_BYTES * PIECE_BYTES
    async with talking(service.address) as session:
        await session.start_listening()
        await say(session, pcm[:half])
        heard = await until(session, events.SpeechActivity)  # the service has heard of it
        await service.kill()
        await say(session, pcm[half:])
        await session.stop_listening()
        await service.start()
        heard += await until(session, events.TurnMetrics)
    (text,) = finals(heard)
    assert set(text.split()) >= WORDS
    metrics = heard[-1]
    assert isinstance(metrics, events.TurnMetrics)
    assert metrics.input_audio_ms == len(pcm) // 32  # all of it, and nothing twice
    (restored,) = of_kind(heard, events.SessionRestored)
    assert restored.term == 2
    readies = [event for event in heard if isinstance(event, events.Ready)]
    assert [(ready.session_id, ready.restored) for ready in readies] == [("mine", True)]
    assert len(of_kind(heard, events.ResponseCompleted)) == 1
    assert_positions_grow(heard)


async def test_an_answer_of_a_service_that_is_killed_is_given_again(
    service: MortalService,
) -> None:
    async with talking(service.address) as session:
        await session.start_listening()
        await say(session, speech_pcm())
        await session.stop_listening()
        heard = await until(session, events.AudioChunk)
        await service.kill()
        await service.start()
        heard += await until(session, events.TurnMetrics)
    (text,) = finals(heard)
    assert set(text.split()) >= WORDS
    (restored,) = of_kind(heard, events.SessionRestored)
    assert isinstance(restored, events.SessionRestored)
    assert (restored.kept_items, restored.answers_again) == (1, True)
    started = of_kind(heard, events.ResponseStarted)
    assert {event.turn_id for event in started} == {1}
    answers = [event for event in heard if isinstance(event, events.ResponseCompleted)]
    assert len(started) == len(answers) == 2
    assert "london" in answers[1].text
    lasts = [e for e in heard if isinstance(e, events.AudioChunk) and e.is_last]
    assert len(lasts) == 2
    assert_positions_grow(heard)


async def test_the_model_knows_what_was_said_before_the_service_died(
    service: MortalService,
) -> None:
    async with talking(service.address) as session:
        await session.send_text("hello there")
        heard = await until(session, events.TurnMetrics)
        await service.kill()
        await service.start()
        await session.send_text("and again")
        heard += await until(session, events.TurnMetrics)
        token = session.ready.resume_token
        async with VoiceClient(service.address) as client:
            known = await client.conversation("mine", resume_token=token)
    said = [item.user.text for item in known.items if item.HasField("user")]
    answered = [item.assistant.text for item in known.items if item.HasField("assistant")]
    assert said == ["hello there", "and again"]
    completed = [event for event in heard if isinstance(event, events.ResponseCompleted)]
    assert answered == [event.text for event in completed]
    assert known.term == 2 and known.last_turn_id == 2
    assert known.last_sequence == max(event.sequence for event in heard)


async def test_a_lost_session_that_is_not_to_be_restored_is_told(service: MortalService) -> None:
    async with talking(service.address, Recovery(first_wait_s=0.05, restore=False)) as session:
        await session.send_text("hello there")
        await until(session, events.TurnMetrics)
        await service.kill()
        await service.start()
        with pytest.raises(SessionLost):
            await until(session, events.TurnMetrics)


async def test_a_browser_goes_on_through_the_death_of_the_service_in_mid_utterance(
    service: MortalService,
) -> None:
    pcm = speech_pcm()
    half = len(pcm) // 2
    wav = _wav_header(len(pcm))
    async with (
        bridging(service.address) as bridge,
        bridge.connect("?sessionId=mine") as browser,
    ):
        await browser.hear_until("ready")
        await browser.say(type="start_listening")
        await browser.say(type="audio_chunk", data=_encoded(wav + pcm[:half]))
        await browser.hear_until("speech")
        await service.kill()
        await browser.say(type="audio_chunk", data=_encoded(pcm[half:]))
        await browser.say(type="stop_listening")
        await service.start()
        async with asyncio.timeout(PATIENCE_S):
            restored = await browser.hear_until("ready")
            await browser.hear_until("turn_metrics")
    assert restored["restored"] and restored["sessionId"] == "mine"
    (final,) = [frame for frame in browser.heard if frame["type"] == "transcription_final"]
    assert set(final["text"].split()) >= WORDS
    assert "error" not in browser.kinds
    assert browser.kinds.count("response_complete") == 1
    places = [frame["seq"] for frame in browser.heard if "seq" in frame]
    assert places == sorted(places)


async def test_a_browser_goes_on_through_the_death_of_the_service_in_mid_answer(
    service: MortalService,
) -> None:
    async with (
        bridging(service.address) as bridge,
        bridge.connect("?sessionId=mine") as browser,
    ):
        await browser.hear_until("ready")
        await browser.say(type="text", text="tell me about the weather in london")
        await browser.hear_until("audio_chunk")
        await service.kill()
        await service.start()
        async with asyncio.timeout(PATIENCE_S):
            await browser.hear_until("turn_metrics")
    assert "error" not in browser.kinds
    assert browser.kinds.count("response_start") == browser.kinds.count("audio_complete") == 2
    completed = [frame for frame in browser.heard if frame["type"] == "response_complete"]
    assert "london" in completed[-1]["text"]
    interruption = next(frame for frame in browser.heard if frame["type"] == "interruption")
    assert interruption["reason"] == "session_restored"


async def test_uploads_and_event_streams_go_on_through_the_death_of_the_service(
    service: MortalService,
) -> None:
    pcm = speech_pcm()
    half = len(pcm) // 2
    async with bridging(service.address) as bridge, event_source(bridge, "mine") as stream:

        async def upload(audio: bytes, is_complete: str) -> None:
            body = form(audioChunk=audio, isComplete=is_complete, sessionId="mine")
            async with (
                asyncio.timeout(PATIENCE_S),
                bridge.http.post(f"{bridge.url}{VOICE}/stream", data=body) as answer,
            ):
                assert answer.status == 200

        await upload(_wav_header(len(pcm)) + pcm[:half], "false")
        await stream.next()
        place = stream.places[-1]
        await service.kill()
        async with asyncio.TaskGroup() as group:
            group.create_task(upload(pcm[half:], "true"))
            group.create_task(service.start())
        async with asyncio.timeout(PATIENCE_S):
            done = await stream.until("complete")
        assert "london" in done["response"]
        assert not stream.of("error")
        assert (place[:2], stream.places[-1][:2]) == ("1-", "2-")  # the terms of the session
        async with event_source(bridge, "mine", after=place) as again:
            await again.until("complete")
        assert again.heard == stream.heard[1:]
        finals = [said["text"] for said in stream.of("transcription") if not said["isPartial"]]
    (text,) = finals
    assert set(text.split()) >= WORDS


async def test_to_ask_for_a_lost_session_twice_opens_one() -> None:
    token = "a secret of at least thirty-two characters"
    resume = pb.ResumeRequest(
        resume_token=token, last_received_sequence=40, term=3, restore=True, last_turn_id=6
    )
    config = pb.SessionConfig(session_id="mine", resume=resume)
    async with running(settings(**LOCAL)) as client:
        async with client.stream() as first, client.stream() as second:
            terms = []
            for stream in (first, second):
                await stream.send(pb.VoiceSessionRequest(config=config))
                opening = await stream.receive()
                assert opening is not None
                terms.append((opening.term, opening.ready.restored, opening.ready.resume_token))
            assert terms == [(4, True, token)] * 2
            await second.send(pb.VoiceSessionRequest(text=pb.TextInput(text="hello")))
            started = await second.receive()
            assert started is not None and (started.sequence, started.turn_id) == (41, 7)
        config.resume.restore = False
        config.resume.resume_token = "another secret of at least as many characters"
        async with client.stream() as stranger:
            await stranger.send(pb.VoiceSessionRequest(config=config))
            refused = await stranger.receive()
            assert refused is not None
            assert refused.error.code == pb.ERROR_CODE_SESSION_NOT_FOUND


async def test_words_are_durable_once_they_are_told_and_not_before() -> None:
    manual = pb.TurnDetection(mode=pb.TURN_DETECTION_MODE_MANUAL)
    pcm16 = pb.AudioFormat(encoding=pb.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000)
    config = pb.SessionConfig(turn_detection=manual, input_audio=pcm16)
    pcm = speech_pcm()
    async with running(settings(**LOCAL)) as client, client.stream() as stream:
        requests = [
            pb.VoiceSessionRequest(config=config),
            pb.VoiceSessionRequest(
                sequence=1, control=pb.Control(start_listening=pb.StartListening())
            ),
            *(
                pb.VoiceSessionRequest(
                    sequence=2 + at // PIECE_BYTES,
                    audio=pb.InputAudio(data=pcm[at : at + PIECE_BYTES]),
                )
                for at in range(0, len(pcm), PIECE_BYTES)
            ),
            pb.VoiceSessionRequest(ping=pb.Ping(sent_at_ms=1)),
        ]
        for request in requests:
            await stream.send(request)
        async with asyncio.timeout(PATIENCE_S):
            while (heard := await stream.receive()) is not None and not heard.HasField("pong"):
                assert heard.durable <= 1
            assert heard is not None and heard.durable == 1 and heard.ack == len(requests) - 2
            stop = pb.Control(stop_listening=pb.StopListening())
            await stream.send(pb.VoiceSessionRequest(sequence=len(requests) - 1, control=stop))
            while (told := await stream.receive()) is not None:
                if told.transcription.is_final:
                    break
                assert told.durable <= 1
    assert told is not None and told.durable == told.ack == len(requests) - 1


# -- the connection breaks ---------------------------------------------------------------------


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[FlakyLink, VoiceClient]]:
    """A service in this process, and a client of it behind a link."""
    async with (
        running(settings(**LOCAL)) as direct,
        flaky_link(direct._address) as link,
        VoiceClient(link.address) as client,
    ):
        yield link, client


async def test_a_connection_that_is_cut_in_mid_utterance_and_mid_answer_costs_nothing() -> None:
    pcm = speech_pcm()
    half = len(pcm) // 2 // PIECE_BYTES * PIECE_BYTES
    async with linked() as (link, client), client.session(MANUAL, recovery=HASTE) as session:
        await session.start_listening()
        await say(session, pcm[:half])
        link.cut()
        await say(session, pcm[half:])
        await session.stop_listening()
        heard = await until(session, events.ResponseDelta)
        link.cut()
        heard += await until(session, events.TurnMetrics)
    (text,) = finals(heard)
    assert set(text.split()) >= WORDS
    assert [event.sequence for event in heard if event.sequence] == list(
        range(1, max(event.sequence for event in heard) + 1)
    )
    readies = [event for event in heard if isinstance(event, events.Ready)]
    assert readies and all(ready.resumed and not ready.restored for ready in readies)


async def test_a_half_open_connection_is_found_and_left() -> None:
    async with linked() as (link, client), client.session(MANUAL, recovery=ALERT) as session:
        await session.send_text("hello there")
        heard = await until(session, events.ResponseStarted)
        link.hang()
        async with asyncio.timeout(15 + LEEWAY_S):
            heard += await until(session, events.TurnMetrics)
        assert link.connections > 1
    assert [event.sequence for event in heard if event.sequence] == list(
        range(1, max(event.sequence for event in heard) + 1)
    )


async def test_audio_that_cannot_be_kept_is_told() -> None:
    narrow = Recovery(first_wait_s=0.05, max_wait_s=0.2, max_audio_bytes=10 * PIECE_BYTES)
    async with linked() as (link, client), client.session(MANUAL, recovery=narrow) as session:
        link.cut()
        await say(session, speech_pcm())
        (lost,) = of_kind(await until(session, events.InputLost), events.InputLost)
    assert isinstance(lost, events.InputLost)
    pieces = -(-len(speech_pcm()) // PIECE_BYTES)
    assert 0 < lost.audio_bytes <= (pieces - 9) * PIECE_BYTES


async def test_a_connection_that_lags_is_kept() -> None:
    async with linked() as (link, client), client.session(MANUAL, recovery=HASTE) as session:
        await session.send_text("hello there")
        heard = await until(session, events.ResponseStarted)
        link.stall()
        asyncio.get_running_loop().call_later(1.0, link.flow)
        heard += await until(session, events.TurnMetrics)
    assert not of_kind(heard, events.Ready)


async def test_the_newest_of_two_streams_of_a_session_goes_on_and_the_other_leaves_it() -> None:
    async with (
        running(settings(**LOCAL)) as client,
        client.session(MANUAL, recovery=HASTE) as first,
        client.resuming_stream(recovery=HASTE) as second,
    ):
        resume = pb.ResumeRequest(resume_token=first.ready.resume_token)
        opening = await second.open(pb.SessionConfig(resume=resume))
        assert opening.ready.resumed
        with pytest.raises(SessionRefused) as refused:
            await until(first, events.TurnMetrics)
        assert refused.value.code is ErrorCode.SESSION_TAKEN_OVER
        await second.send(pb.VoiceSessionRequest(text=pb.TextInput(text="hello")))
        response = await second.receive()
        assert response is not None and response.sequence == 1


# -- whose a session is ------------------------------------------------------------------------


async def test_only_its_owner_reads_and_erases_a_session() -> None:
    tokens = ("ada", "ben")
    async with (
        running(settings(auth_tokens=tokens, **LOCAL), token="ada") as ada,
        VoiceClient(ada._address, token="ben") as ben,
        ada.session(MANUAL) as session,
    ):
        await session.send_text("hello there")
        await until(session, events.TurnMetrics)
        known = await ada.conversation("mine")
        assert known.items[0].user.text == "hello there"
        assert not known.HasField("expires_in_ms")
        token = session.ready.resume_token
        for stranger in (
            ben.conversation("mine", resume_token=token),
            ben.delete_session("mine", resume_token=token),
            ada.delete_session("mine", resume_token="wrong"),
            ada.conversation("another"),
        ):
            with pytest.raises(SessionRefused) as refused:
                await stranger
            assert refused.value.code is ErrorCode.SESSION_NOT_FOUND
        await ada.delete_session("mine")
        with pytest.raises(SessionRefused, match="deleted"):
            await until(session, events.TurnMetrics)
        with pytest.raises(SessionRefused):
            await ada.conversation("mine")


async def test_without_tokens_the_secret_of_a_session_is_the_proof() -> None:
    async with running(settings(**LOCAL)) as client, client.session(MANUAL) as session:
        with pytest.raises(SessionRefused):
            await client.conversation("mine")
        token = session.ready.resume_token
        assert not (await client.conversation("mine", resume_token=token)).items


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _wav_header(data_bytes: int) -> bytes:
    return (
        b"RIFF"
        + (36 + data_bytes).to_bytes(4, "little")
        + b"WAVEfmt "
        + bytes.fromhex("10000000 0100 0100 803e0000 007d0000 0200 1000")
        + b"data"
        + data_bytes.to_bytes(4, "little")
    )
