"""Measure recognition in windows: words lost at the joins, audio sent, delay of stable words.

    python -m benchmarks.joined_windows [--lengths 3 10 30] [--words 100]

Recorded sentences are joined to turns of set lengths, in random order, with pauses of several
lengths between them. PocketSphinx recognizes each turn as a whole, and in windows at the speed of
speech with a set round trip. Times are those of the audio, not of this machine. Wrong words are
substitutions, omissions and insertions relative to the spoken text.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from random import Random

from rich.table import Table

from benchmarks import report
from benchmarks.figures import p95
from cedar_voice_service.audio.formats import AudioBlock, EdgeKind
from cedar_voice_service.audio.speech_tracker import SpeechTracker
from cedar_voice_service.providers.pocketsphinx.recognizer import Recognizer
from cedar_voice_service.recognition.rolling_window import RollingWindow
from cedar_voice_service.recognition.transcript import PartialTranscript
from cedar_voice_service.recognition.window import WindowRequest
from cedar_voice_service.recognition.words import keys, split
from tests.support.recordings import speech_pcm

SENTENCES = {
    "weather_in_berlin": "what is the weather in berlin tomorrow",
    "open_the_settings": "open the settings page",
    "theme_to_dark": "please change the theme to dark",
    "show_the_report": "show me the report for this month",
    "weather_in_london": "tell me about the weather in london",
    "close_the_window": "close the window",
}
LENGTHS_S = (3, 10, 30)
PAUSES_MS = (100, 300, 700)
WORDS = 100
ROUND_TRIP_MS = 500
BLOCK_BYTES = 640


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: its audio, its words, and the approximate end of each word."""

    pcm: bytes
    words: tuple[str, ...]
    ends_ms: tuple[int, ...]


@dataclass(slots=True)
class Played:
    """The result of a turn in windows; `speech_ms` is the detected speech."""

    final: str = ""
    sent_ms: int = 0
    speech_ms: int = 0
    retractions: int = 0
    delays_ms: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of turns of one length and one pause. Shares are of the spoken words."""

    length_s: int
    pause_ms: int
    turns: int
    words: int
    wer_whole: float
    wer_joined: float
    sent_ratio: float
    retractions: int
    stable_delay_p50_ms: int
    stable_delay_p95_ms: int


def turn_of(length_s: int, pause_ms: int, chance: Random) -> Turn:
    """Join sentences in random order up to the length, with silence around and between them."""
    pcm, words, ends_ms = bytearray(300 * 32), [], []
    while len(pcm) < length_s * 32_000:
        name = chance.choice(sorted(SENTENCES))
        said, sound = SENTENCES[name].split(), speech_pcm(name)
        start_ms, step_ms = len(pcm) // 32, len(sound) // 32 / len(said)
        ends_ms += [round(start_ms + step_ms * (number + 1)) for number in range(len(said))]
        words += said
        pcm += sound + bytes(pause_ms * 32)
    return Turn(bytes(pcm) + bytes(800 * 32), tuple(words), tuple(ends_ms))


def heard(pcm: bytes) -> list[AudioBlock]:
    """Return the audio of a turn in blocks with the edges of its speech."""
    tracker = SpeechTracker(0.5, 100)
    return [
        block
        for at in range(0, len(pcm), BLOCK_BYTES)
        for block in tracker.feed(pcm[at : at + BLOCK_BYTES])
    ]


def recognized(recognizer: Recognizer, pcm: bytes) -> str:
    """Return the text that the recognizer finds in a whole recording."""
    return recognizer.decode_whole(pcm).text


def speech_ms(blocks: Sequence[AudioBlock]) -> int:
    """Return the length of the detected speech."""
    edges = [edge for block in blocks for edge in block.edges]
    return sum(edge.at_ms * (1 if edge.kind is EdgeKind.STOPPED else -1) for edge in edges)


def play(recognizer: Recognizer, turn: Turn) -> Played:
    """Recognize a turn in windows, with each answer a round trip after its request."""
    blocks = heard(turn.pcm)
    windowed, played = RollingWindow(), Played(speech_ms=speech_ms(blocks))
    stable: list[str] = []
    stable_text = ""
    request: WindowRequest | None = None
    answer_at_ms = 0

    def show(shown: PartialTranscript | None, now_ms: int) -> None:
        nonlocal stable_text
        if shown is None:
            return
        words = list(keys(split(shown.stable_text)))
        played.retractions += not shown.stable_text.startswith(stable_text)
        stable_text = shown.stable_text
        ends_ms = turn.ends_ms[len(stable) : len(words)]
        played.delays_ms += [max(0, now_ms - end_ms) for end_ms in ends_ms]
        stable[:] = words

    for block in blocks:
        show(windowed.add(block), block.end_ms)
        if (asked := windowed.due(1)) is not None:
            request, answer_at_ms = asked, block.end_ms + ROUND_TRIP_MS
        if request and windowed.awaited == request.number and block.end_ms >= answer_at_ms:
            text = recognized(recognizer, request.pcm.data)
            show(windowed.receive(request.number, text, None), block.end_ms)
    windowed.end()
    while not windowed.is_over:
        request = windowed.due(None) or request
        assert request is not None
        windowed.receive(request.number, recognized(recognizer, request.pcm.data), None)
    played.final, played.sent_ms = windowed.text, windowed.sent_ms
    played.retractions += not played.final.startswith(stable_text)
    return played


def errors(said: tuple[str, ...], text: str) -> int:
    """Return the number of substitutions, omissions and insertions: the edit distance."""
    costs = list(range(len(said) + 1))
    for row, word in enumerate(keys(split(text)), 1):
        before, costs[0] = costs[0], row
        for column, truth in enumerate(said, 1):
            above = costs[column]
            costs[column] = min(above + 1, costs[column - 1] + 1, before + (word != truth))
            before = above
    return costs[-1]


def measure(recognizer: Recognizer, length_s: int, pause_ms: int, least_words: int) -> Figures:
    """Measure turns of one kind until they have at least `least_words` words."""
    chance = Random(f"{length_s} {pause_ms}")
    turns: list[Turn] = []
    whole = joined = 0
    plays: list[Played] = []
    while sum(len(turn.words) for turn in turns) < least_words:
        turn = turn_of(length_s, pause_ms, chance)
        played = play(recognizer, turn)
        whole += errors(turn.words, recognized(recognizer, turn.pcm))
        joined += errors(turn.words, played.final)
        turns.append(turn)
        plays.append(played)
    words = sum(len(turn.words) for turn in turns)
    delays_ms = [delay_ms for played in plays for delay_ms in played.delays_ms]
    return Figures(
        length_s,
        pause_ms,
        len(turns),
        words,
        whole / words,
        joined / words,
        sum(played.sent_ms for played in plays) / sum(played.speech_ms for played in plays),
        sum(played.retractions for played in plays),
        round(statistics.median(delays_ms)) if delays_ms else 0,
        round(p95(delays_ms)) if delays_ms else 0,
    )


def show(rows: Sequence[Figures], options: argparse.Namespace) -> None:
    """Print the table; write the requested files."""
    table = Table(title="Recognition in windows; WER in %, times in ms")
    for title in ("turn", "pause", "turns", "words", "WER whole", "joined", "sent/speech"):
        table.add_column(title, justify="right")
    for title in ("retractions", "stable p50", "p95"):
        table.add_column(title, justify="right")
    table.caption = report.machine()
    for row in rows:
        table.add_row(
            f"{row.length_s} s",
            str(row.pause_ms),
            str(row.turns),
            str(row.words),
            f"{100 * row.wer_whole:.1f}",
            f"{100 * row.wer_joined:.1f}",
            f"{row.sent_ratio:.2f}",
            str(row.retractions),
            str(row.stable_delay_p50_ms),
            str(row.stable_delay_p95_ms),
        )
    report.show(table, as_markdown=options.markdown)
    if options.json:
        figures = [asdict(row) for row in rows]
        report.write_json(options.json, "joined_windows", vars(options), figures)
    if options.plot:
        names = [f"{row.length_s} s, pauses of {row.pause_ms} ms" for row in rows]
        bars = {
            "words wrong, whole (%)": [100 * row.wer_whole for row in rows],
            "words wrong, joined (%)": [100 * row.wer_joined for row in rows],
            "audio sent over speech": [row.sent_ratio for row in rows],
        }
        report.plot_bars(options.plot, "Recognition in windows", names, bars)


def main() -> int:
    """Measure every kind of turn and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS_S, help="turns, seconds")
    parser.add_argument("--words", type=int, default=WORDS, help="least number per kind of turn")
    report.add_options(parser)
    options = parser.parse_args()
    recognizer = Recognizer()
    kinds = [(length_s, pause_ms) for length_s in options.lengths for pause_ms in PAUSES_MS]
    with report.progress() as progress:
        rows = [
            measure(recognizer, *kind, options.words)
            for kind in progress.track(kinds, description="recognizing")
        ]
    show(rows, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
