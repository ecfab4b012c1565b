"""What hearing in windows costs: words lost at the joins, audio sent, and when words are stable.

    python -m benchmarks.joined_windows [--lengths 3 10 30] [--json]

Recorded sentences are joined to turns of set lengths, with pauses of several lengths between them,
and given to PocketSphinx as a recognizer of whole recordings: once as a whole, and in windows, as
fast as they are spoken, with a set round trip. Times are those of the sound, not of this machine.
Words are counted wrong against what was said: substituted, left out and put in.
"""

import argparse
import json
import statistics
import sys
from dataclasses import asdict, dataclass, field
from random import Random

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cedar_voice_service.audio.ear import Ear, Heard
from cedar_voice_service.providers.pocketsphinx_recognizer import Recognizer
from cedar_voice_service.session.windows.request import Request
from cedar_voice_service.session.windows.transcript import Shown
from cedar_voice_service.session.windows.utterance import Utterance
from cedar_voice_service.session.windows.words import keys, split
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
ROUNDS = 1
ROUND_TRIP_MS = 500
BLOCK_BYTES = 640


@dataclass(frozen=True, slots=True)
class Turn:
    """What is said in one go: its sound, its words, and where each word ends, about."""

    pcm: bytes
    words: tuple[str, ...]
    ends_ms: tuple[int, ...]


@dataclass(slots=True)
class Played:
    """What came of a turn in windows."""

    final: str = ""
    sent_ms: int = 0
    retractions: int = 0
    delays_ms: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Figures:
    """Turns of one length and one pause. Shares are of the words said."""

    length_s: int
    pause_ms: int
    wer_whole: float
    wer_joined: float
    sent_ratio: float
    retractions: int
    stable_delay_p50_ms: int
    stable_delay_p95_ms: int


def turn_of(length_s: int, pause_ms: int, chance: Random) -> Turn:
    """Sentences in random order until the length is reached, silence around and between them."""
    pcm, words, ends_ms = bytearray(300 * 32), [], []
    while len(pcm) < length_s * 32_000:
        name = chance.choice(sorted(SENTENCES))
        said, sound = SENTENCES[name].split(), speech_pcm(name)
        start_ms, step_ms = len(pcm) // 32, len(sound) // 32 / len(said)
        ends_ms += [round(start_ms + step_ms * (number + 1)) for number in range(len(said))]
        words += said
        pcm += sound + bytes(pause_ms * 32)
    return Turn(bytes(pcm) + bytes(800 * 32), tuple(words), tuple(ends_ms))


def heard(pcm: bytes) -> list[Heard]:
    """A turn as the ear tells it."""
    ear = Ear(0.5, 100)
    return [
        block
        for at in range(0, len(pcm), BLOCK_BYTES)
        for block in ear.feed(pcm[at : at + BLOCK_BYTES])
    ]


def recognized(recognizer: Recognizer, pcm: bytes) -> str:
    """What the recognizer makes of a whole recording."""
    return recognizer.decode_whole(pcm).text


def play(recognizer: Recognizer, turn: Turn) -> Played:
    """Hear a turn in windows, every answer a round trip after its request."""
    windowed, played = Utterance(), Played()
    stable: list[str] = []
    request: Request | None = None
    answer_at_ms = 0

    def show(shown: Shown | None, now_ms: int) -> None:
        if shown is None:
            return
        words = list(keys(split(shown.stable_text)))
        played.retractions += words[: len(stable)] != stable
        ends_ms = turn.ends_ms[len(stable) : len(words)]
        played.delays_ms += [max(0, now_ms - end_ms) for end_ms in ends_ms]
        stable[:] = words

    for block in heard(turn.pcm):
        show(windowed.hear(block), block.end_ms)
        if (asked := windowed.due(1)) is not None:
            request, answer_at_ms = asked, block.end_ms + ROUND_TRIP_MS
        if request and windowed.awaited == request.number and block.end_ms >= answer_at_ms:
            text = recognized(recognizer, request.pcm.data)
            show(windowed.take(request.number, text, None), block.end_ms)
    windowed.end()
    while not windowed.is_over:
        request = windowed.due(None) or request
        assert request is not None
        windowed.take(request.number, recognized(recognizer, request.pcm.data), None)
    played.final, played.sent_ms = windowed.text, windowed.sent_ms
    return played


def errors(said: tuple[str, ...], text: str) -> int:
    """Words substituted, left out and put in: the edit distance."""
    costs = list(range(len(said) + 1))
    for row, word in enumerate(keys(split(text)), 1):
        before, costs[0] = costs[0], row
        for column, truth in enumerate(said, 1):
            above = costs[column]
            costs[column] = min(above + 1, costs[column - 1] + 1, before + (word != truth))
            before = above
    return costs[-1]


def measure(recognizer: Recognizer, length_s: int, pause_ms: int) -> Figures:
    """Play some turns of one kind."""
    chance = Random(f"{length_s} {pause_ms}")
    count = whole = joined = retractions = 0
    ratios: list[float] = []
    delays_ms: list[int] = []
    for _ in range(ROUNDS):
        turn = turn_of(length_s, pause_ms, chance)
        played = play(recognizer, turn)
        count += len(turn.words)
        whole += errors(turn.words, recognized(recognizer, turn.pcm))
        joined += errors(turn.words, played.final)
        spoken_ms = len(turn.pcm) // 32 - 300 - pause_ms - 800
        ratios.append(played.sent_ms / spoken_ms)
        retractions += played.retractions
        delays_ms += played.delays_ms
    return Figures(
        length_s,
        pause_ms,
        whole / count,
        joined / count,
        statistics.fmean(ratios),
        retractions,
        round(statistics.median(delays_ms)) if delays_ms else 0,
        sorted(delays_ms)[int(0.95 * (len(delays_ms) - 1))] if delays_ms else 0,
    )


def show_table(rows: list[Figures]) -> None:
    """Print the figures for people."""
    titles = ("turn", "pauses", "WER whole", "WER joined", "sent", "retracted", "stable p50", "p95")
    table = Table(*titles, box=SIMPLE)
    for row in rows:
        table.add_row(
            f"{row.length_s} s",
            f"{row.pause_ms} ms",
            f"{row.wer_whole:.1%}",
            f"{row.wer_joined:.1%}",
            f"{row.sent_ratio:.2f}x",
            str(row.retractions),
            f"{row.stable_delay_p50_ms} ms",
            f"{row.stable_delay_p95_ms} ms",
        )
    Console().print(table)


def main() -> None:
    """Measure every kind of turn."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS_S, help="turns, seconds")
    options = parser.parse_args()
    recognizer = Recognizer()
    kinds = [(length_s, pause_ms) for length_s in options.lengths for pause_ms in PAUSES_MS]
    console = Console(file=sys.stderr)
    rows = [measure(recognizer, *kind) for kind in track(kinds, "hearing", console=console)]
    if options.json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    else:
        show_table(rows)


if __name__ == "__main__":
    main()
