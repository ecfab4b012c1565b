"""`cedar-voice talk` as users run it, against a scripted service."""

import wave
from pathlib import Path

import grpc
import pytest
from typer.testing import CliRunner

import cedar_voice.v1 as pb
from cedar_voice_cli.__main__ import app
from tests.support.command import run_command
from tests.support.scripted_service import Conversation, ScriptedService, answer, ready, serving

RECORDING = b"RIFF of some kind" * 500
RATE_HZ = 24_000


async def one_turn(talk: Conversation) -> None:
    """Answer with a second of silence, as PCM, after the client ends its input."""
    config = await talk.hear()
    assert config is not None
    await talk.say(is_numbered=False, ready=ready(config.config))
    while await talk.hear() is not None:
        pass
    for text, is_final in (("what is", False), ("what is the time", True)):
        transcription = pb.Transcription(text=text, is_final=is_final)
        await talk.say(turn_id=1, transcription=transcription)
    for event in (
        pb.ResponseEvent(response_id=1, started=pb.ResponseStarted(user_text="what is the time")),
        pb.ResponseEvent(response_id=1, delta=pb.ResponseDelta(text="Ten ")),
        pb.ResponseEvent(response_id=1, delta=pb.ResponseDelta(text="past [two].")),
    ):
        await talk.say(turn_id=1, response=event)
    action = pb.Action(action_id="a", state_key="clock", setter_key="show", args_json='["now",1]')
    await talk.say(turn_id=1, action=action)
    audio = pb.OutputAudio(response_id=1, data=bytes(RATE_HZ * 2), duration_ms=1_000, is_last=True)
    audio.format.encoding = pb.AUDIO_ENCODING_PCM_S16LE
    audio.format.sample_rate_hz = RATE_HZ
    await talk.say(turn_id=1, audio=audio)
    completed = pb.ResponseCompleted(text="Ten past [two].", finish_reason=pb.FINISH_REASON_STOP)
    response = pb.ResponseEvent(response_id=1, completed=completed)
    await talk.say(turn_id=1, response=response)
    await talk.say(turn_id=1, metrics=pb.TurnMetrics(response_latency_ms=321, stt_final_ms=12))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "question.wav"
    path.write_bytes(RECORDING)
    return path


async def test_a_recording_is_sent_unchanged_and_the_answer_written(
    tmp_path: Path, recording: Path
) -> None:
    service = ScriptedService(one_turn)
    async with serving(service) as address:
        done = await run_command(
            "talk", str(recording), "--address", address, "--language", "de-DE", cwd=tmp_path
        )
    assert done.err == ""
    assert done.out.splitlines() == [
        "partial: what is",
        "you: what is the time",
        "answer: Ten past [two].",
        'action: clock.show("now",1)',
        "latency: first audio 321 ms, transcript 12 ms",
        "answer.wav: 1.0 s of speech",
    ]
    assert done.exit_code == 0
    with wave.open(str(tmp_path / "answer.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (RATE_HZ, RATE_HZ)
    requests = service.conversations[0].requests
    config = requests[0].config
    assert config.settings.language == "de-DE"
    assert config.turn_detection.mode == pb.TURN_DETECTION_MODE_MANUAL
    assert config.output_audio.format.encoding == pb.AUDIO_ENCODING_PCM_S16LE
    assert b"".join(request.audio.data for request in requests) == RECORDING
    commands = [request.control.WhichOneof("command") for request in requests]
    assert [command for command in commands if command] == ["start_listening", "stop_listening"]


async def test_text_with_a_token_to_an_mp3(tmp_path: Path) -> None:
    async def typed_turn(talk: Conversation) -> None:
        await talk.open()
        request = await talk.hear()
        assert request is not None
        await answer(talk, 1, request.text.text)

    service = ScriptedService(typed_turn)
    async with serving(service) as address:
        done = await run_command(
            *("talk", "--text", "hello", "--out", "a.mp3"),
            cwd=tmp_path,
            environment={"CEDAR_GRPC_ADDRESS": address, "CEDAR_TOKEN": "secret"},
        )
    assert (done.exit_code, done.err) == (0, "")
    assert "answer: You said hello" in done.out
    assert (tmp_path / "a.mp3").read_bytes() == b"first phrasesecond phrase"
    assert service.metadata[0]["authorization"] == "Bearer secret"


async def test_an_absent_service_is_one_clear_line_and_what_to_do(
    tmp_path: Path, recording: Path
) -> None:
    async with serving(ScriptedService()) as address:
        pass
    done = await run_command("talk", str(recording), "--address", address, cwd=tmp_path)
    assert done.exit_code == 1
    assert f"no Cedar Voice service at {address}" in done.err
    assert "cedar-voice serve" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "answer.wav").exists()


async def test_an_error_of_the_turn_is_shown_and_fails(tmp_path: Path, recording: Path) -> None:
    async def garbage(talk: Conversation) -> None:
        await talk.open()
        while await talk.hear() is not None:
            pass
        error = pb.Error(
            code=pb.ERROR_CODE_AUDIO_DECODE_FAILED,
            message="not a recording",
            stage=pb.PIPELINE_STAGE_AUDIO_INPUT,
        )
        await talk.say(error=error)

    async with serving(ScriptedService(garbage)) as address:
        done = await run_command("talk", str(recording), "--address", address, cwd=tmp_path)
    assert done.exit_code == 1
    assert "error: not a recording (audio_input, audio_decode_failed)" in done.out


async def test_a_session_that_fails_is_one_line(tmp_path: Path, recording: Path) -> None:
    async def refuse(talk: Conversation) -> None:
        await talk.hear()
        error = pb.Error(code=pb.ERROR_CODE_UNAUTHENTICATED, message="the token is wrong")
        await talk.fail(grpc.StatusCode.UNAUTHENTICATED, error)

    async with serving(ScriptedService(refuse)) as address:
        done = await run_command("talk", str(recording), "--address", address, cwd=tmp_path)
    assert (done.exit_code, done.err) == (1, "error: the token is wrong\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "exactly one of"),
        (("question.wav", "--text", "x"), "exactly one of"),
        (("missing.wav",), "missing.wav"),
        (("--text", "x", "--out", "a.txt"), ".wav, .mp3"),
        (("--text", "x", "--out", "nowhere/a.wav"), "nowhere"),
        (("--no-such-flag",), "no-such-flag"),
    ],
)
def test_usage_errors(
    recording: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(recording.parent)
    done = CliRunner().invoke(app, ["talk", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert message in done.output


def test_realtime_needs_a_recording_of_known_duration(recording: Path) -> None:
    done = CliRunner().invoke(app, ["talk", str(recording), "--realtime"])
    assert done.exit_code == 1
    assert "--realtime cannot read the duration" in done.output
