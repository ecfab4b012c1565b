"""`cedar-voice talk`: say something to a running service and hear the answer."""

from pathlib import Path
from typing import Annotated

import typer

from cedar_voice_cli import sources
from cedar_voice_cli.answer_file import SUFFIXES, AnswerFile
from cedar_voice_cli.console import EXIT_FAILED, fail, out
from cedar_voice_cli.conversation import hold
from cedar_voice_cli.running import run
from cedar_voice_cli.screen import screen_on
from cedar_voice_client import (
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


@app.command()
def talk(  # noqa: PLR0913 - each of them is a flag
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
            help="Recording to say: WAV, MP3, FLAC, Ogg, WebM or MP4.",
        ),
    ] = None,
    text: Annotated[
        str | None, typer.Option(show_default=False, help="Type this instead of saying a file.")
    ] = None,
    microphone: Annotated[
        bool, typer.Option("--microphone", help="Speak into the microphone; Enter ends the turn.")
    ] = False,
    out_file: Annotated[
        Path,
        typer.Option("--out", help="File of the spoken answer: .wav, .mp3, .ogg or .opus."),
    ] = Path("answer.wav"),
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Send the file as slowly as it was spoken.")
    ] = False,
    language: Annotated[
        str | None, typer.Option(show_default=False, help="Language spoken, such as en-US.")
    ] = None,
    voice: Annotated[
        str | None, typer.Option(show_default=False, help="Voice of the answer.")
    ] = None,
    address: Annotated[
        str, typer.Option(envvar="CEDAR_GRPC_ADDRESS", help="Address of the service.")
    ] = DEFAULT_ADDRESS,
    token: Annotated[
        str | None,
        typer.Option(envvar="CEDAR_TOKEN", show_default=False, help="Bearer token, if it asks."),
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Connect with TLS.")] = False,
) -> None:
    """Say one turn to a running service, print the conversation, keep the spoken answer."""
    answer = _answer_file(out_file)
    try:
        source = _source(file, text, microphone=microphone, realtime=realtime)
    except sources.CannotSpeak as error:
        fail(str(error))
    options = SessionOptions(
        language=language,
        voice_id=voice,
        turn_detection=TurnDetection(mode=TurnDetectionMode.MANUAL),
        output_audio=OutputAudioConfig(format=answer.format),
    )
    client = VoiceClient(address, token=token, tls=tls)
    if microphone:
        out.print("Speak now; Enter ends the turn.", style="bold")
    try:
        is_answered = run(_talk(client, options, source, answer))
    except Unavailable as error:
        fail(
            f"no Cedar Voice service at {address} ({error}).\n"
            "Start one with `cedar-voice serve`, or name another with --address."
        )
    except (VoiceClientError, sources.CannotSpeak) as error:
        fail(str(error))
    finally:
        _keep(answer)
    if not is_answered:
        raise typer.Exit(EXIT_FAILED)


async def _talk(
    client: VoiceClient, options: SessionOptions, source: sources.Source, answer: AnswerFile
) -> bool:
    async with client, client.session(options) as session:
        with screen_on(out) as screen:
            return await hold(session, source, screen, answer)


def _source(
    file: Path | None, text: str | None, *, microphone: bool, realtime: bool
) -> sources.Source:
    if (file is not None) + (text is not None) + microphone != 1:
        raise typer.BadParameter("say one of: a FILE, --text, --microphone")
    if text is not None:
        return sources.typed(text)
    if file is not None:
        return sources.recording(file, sources.duration_s(file) if realtime else None)
    return sources.microphone()


def _answer_file(path: Path) -> AnswerFile:
    if path.suffix.lower() not in SUFFIXES:
        raise typer.BadParameter(f"{path} ends in none of {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{path.parent} is not a folder")
    return AnswerFile(path)


def _keep(answer: AnswerFile) -> None:
    try:
        is_written = answer.write()
    except OSError as error:
        fail(f"the answer cannot be kept: {error}")
    if is_written:
        out.print(f"{answer.path}: {answer.duration_ms / 1_000:.1f} s of speech", markup=False)
