"""`cedar-voice talk`: send one turn to a running service and receive the answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cedar_voice_cli import sources
from cedar_voice_cli.answer_file import SUFFIXES, AnswerFile
from cedar_voice_cli.console import EXIT_FAILED, fail, out
from cedar_voice_cli.running import run
from cedar_voice_cli.screen import screen_on
from cedar_voice_cli.turn import run_turn
from cedar_voice_client import (
    AudioFormat,
    OutputAudioConfig,
    SessionOptions,
    TurnDetection,
    TurnDetectionMode,
    Unavailable,
    VoiceClient,
    VoiceClientError,
)
from cedar_voice_client.client import DEFAULT_ADDRESS

app = typer.Typer()

_Recording = Annotated[
    Path | None,
    typer.Argument(
        exists=True,
        dir_okay=False,
        readable=True,
        show_default=False,
        help="Recording to send: WAV, MP3, FLAC, Ogg, WebM or MP4.",
    ),
]
_Text = Annotated[
    str | None, typer.Option(show_default=False, help="Text to send instead of a recording.")
]
_Microphone = Annotated[
    bool, typer.Option("--microphone", help="Send the microphone's audio; Enter ends the turn.")
]
_OutFile = Annotated[
    Path, typer.Option("--out", help="File for the spoken answer: .wav, .mp3, .ogg or .opus.")
]
_Realtime = Annotated[
    bool, typer.Option("--realtime", help="Send the recording at the speed of its playback.")
]
_Language = Annotated[
    str | None, typer.Option(show_default=False, help="Language of the turn, such as en-US.")
]
_Voice = Annotated[str | None, typer.Option(show_default=False, help="Voice of the answer.")]
_Address = Annotated[str, typer.Option(envvar="CEDAR_GRPC_ADDRESS", help="Address of the service.")]
_Token = Annotated[
    str | None,
    typer.Option(
        envvar="CEDAR_TOKEN", show_default=False, help="Bearer token, if the service requires one."
    ),
]
_Tls = Annotated[bool, typer.Option("--tls", help="Connect with TLS.")]


@app.command()
def talk(  # noqa: PLR0913 - each of them is a flag
    file: _Recording = None,
    text: _Text = None,
    microphone: _Microphone = False,
    out_file: _OutFile = Path("answer.wav"),
    realtime: _Realtime = False,
    language: _Language = None,
    voice: _Voice = None,
    address: _Address = DEFAULT_ADDRESS,
    token: _Token = None,
    tls: _Tls = False,
) -> None:
    """Send one turn to a running service, print the conversation, write the spoken answer."""
    answer = _answer_file(out_file)
    with _errors_in_one_line(address):
        source = _source(file, text, microphone=microphone, realtime=realtime)
    options = _options(language, voice, answer.format)
    client = VoiceClient(address, token=token, tls=tls)
    if microphone:
        out.print("Speak now; Enter ends the turn.", style="bold")
    try:
        with _errors_in_one_line(address):
            is_answered = run(_talk(client, options, source, answer))
    finally:
        _write(answer)
    if not is_answered:
        raise typer.Exit(EXIT_FAILED)


@contextmanager
def _errors_in_one_line(address: str) -> Iterator[None]:
    """End the command with one clear line where the session or the source fails."""
    try:
        yield
    except Unavailable as error:
        fail(
            f"no Cedar Voice service at {address} ({error}).\n"
            "Start one with `cedar-voice serve`, or name another with --address."
        )
    except (VoiceClientError, sources.SourceError) as error:
        fail(str(error))


async def _talk(
    client: VoiceClient, options: SessionOptions, source: sources.Source, answer: AnswerFile
) -> bool:
    async with client, client.session(options) as session:
        with screen_on(out) as screen:
            return await run_turn(session, source, screen, answer)


def _source(
    file: Path | None, text: str | None, *, microphone: bool, realtime: bool
) -> sources.Source:
    if (file is not None) + (text is not None) + microphone != 1:
        raise typer.BadParameter("give exactly one of FILE, --text and --microphone")
    if text is not None:
        return sources.typed(text)
    if file is not None:
        return sources.recording(file, sources.duration_s(file) if realtime else None)
    return sources.microphone()


def _answer_file(path: Path) -> AnswerFile:
    if path.suffix.lower() not in SUFFIXES:
        raise typer.BadParameter(f"{path} does not end in one of {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{path.parent} is not a folder")
    return AnswerFile(path)


def _options(language: str | None, voice: str | None, audio_format: AudioFormat) -> SessionOptions:
    return SessionOptions(
        language=language,
        voice_id=voice,
        turn_detection=TurnDetection(mode=TurnDetectionMode.MANUAL),
        output_audio=OutputAudioConfig(format=audio_format),
    )


def _write(answer: AnswerFile) -> None:
    try:
        is_written = answer.write()
    except OSError as error:
        fail(f"cannot write the answer: {error}")
    if is_written:
        out.print(f"{answer.path}: {answer.duration_ms / 1_000:.1f} s of speech", markup=False)
