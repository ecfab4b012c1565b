"""The seeds of fuzzing: valid input of each target, and the corpus of earlier findings.

The corpus is in `corpus/TARGET/`: inputs that broke a promise once, and small ones that reach
code beyond the reach of valid input.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import cedar_voice.v1 as pb
from cedar_voice_service.audio.formats import Encoding
from tests.support.media import Form, recorded, written

CORPUS = Path(__file__).parent / "corpus"
GOLDEN = Path(__file__).parents[1] / "bridge" / "dialects" / "golden"

_SENTENCE = "close_the_window"


@cache
def seeds(target: str) -> tuple[bytes, ...]:
    """Return the inputs that the fuzzing of a target begins with."""
    return (*_SEEDS[target](), *(path.read_bytes() for path in sorted(kept(target))))


def kept(target: str) -> list[Path]:
    """Return the files of a target's corpus."""
    return [path for path in (CORPUS / target).glob("*") if path.is_file()]


def _recordings() -> dict[Encoding, bytes]:
    return {
        Encoding.WEBM_OPUS: recorded("webm").data[:20_000],
        Encoding.OGG_OPUS: written(Form("ogg", "libopus"), _SENTENCE),
        Encoding.MP4: recorded("mp4").data[:20_000],
        Encoding.MP3: written(Form("mp3", "libmp3lame", 24_000), _SENTENCE),
        Encoding.FLAC: written(Form("flac", "flac", 16_000), _SENTENCE)[:20_000],
        Encoding.WAV: written(Form("wav", "pcm_s24le", 16_000, "stereo"), _SENTENCE)[:4_000],
    }


def _of(encoding: Encoding, *others: Form) -> Callable[[], list[bytes]]:
    return lambda: [_recordings()[encoding], *(written(form, _SENTENCE) for form in others)]


def _announced() -> list[bytes]:
    """Return recordings for the target `decoder`, with encodings declared or to be detected."""
    encodings = list(Encoding)
    recordings = _recordings()
    own = [bytes((encodings.index(kind), 40)) + data for kind, data in recordings.items()]
    auto = [bytes((encodings.index(Encoding.AUTO), 9)) + data for data in recordings.values()]
    return own + auto


def _broken_off() -> list[bytes]:
    """Return recordings for the target `going_on`, which resumes them in their middle."""
    return [bytes((place,)) + data for data in _recordings().values() for place in (20, 128)]


def _starts() -> list[bytes]:
    return [data[:40] for data in _recordings().values()]


def _golden(key: str) -> Callable[[], list[bytes]]:
    """Return a function that reads one side's frames from the recorded conversations."""

    def frames() -> list[bytes]:
        texts = [path.read_text() for path in sorted(GOLDEN.rglob("*.jsonl"))]
        lines = [json.loads(line) for text in texts for line in text.strip().split("\n")]
        said = [line[key] for line in lines if key in line]
        return [frame.encode() if isinstance(frame, str) else _json(frame) for frame in said]

    return frames


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _forms() -> list[bytes]:
    settings = {"language": "en-US", "pitch": 1.2, "useBrowserTTS": False, "stream": True}
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    context = {
        "frontendTools": {"open": {"description": "opens", "argsSchema": schema}},
        "stateSetters": {"setTheme": {"stateKey": "theme", "argsSchema": {"type": "string"}}},
    }
    return [_json(settings) + b"\0" + _json(context), b"\0plain words", b'{"rate": "x"}\0']


def _headers() -> list[bytes]:
    return [
        b"audio/mpeg;q=0.5, text/plain\0Bearer secret",
        b"tag-17\0Basic x",
        b"https://app.example:8080\0bearer secret",
        b"*/*;q=nan,application/json;q=-1e999\0",
    ]


def _responses() -> list[bytes]:
    action = pb.Action(action_id="a", state_key="k", setter_key="s", args_json="[1]")
    messages = [
        pb.VoiceSessionResponse(action=action),
        pb.VoiceSessionResponse(transcription=pb.Transcription(text="a\r\nb\u2028", is_final=True)),
        pb.VoiceSessionResponse(error=pb.Error(message="no", code=pb.ERROR_CODE_OVERLOADED)),
        pb.VoiceSessionResponse(audio=pb.OutputAudio(data=b"sound", is_last=True)),
        pb.VoiceSessionResponse(
            response=pb.ResponseEvent(response_id=1, delta=pb.ResponseDelta(text="data: x\n\n"))
        ),
    ]
    return [message.SerializeToString() for message in messages]


def _requests() -> list[bytes]:
    tool = pb.ToolDefinition(name="open", parameters_json_schema='{"type": "object"}')
    config = pb.SessionConfig(
        context_json="{}",
        tools=pb.ToolSet(tools=[tool]),
        turn_detection=pb.TurnDetection(mode=pb.TURN_DETECTION_MODE_SERVER_VAD),
        output_audio=pb.OutputAudioConfig(max_lead_ms=5),
    )
    audio = pb.VoiceSessionRequest(sequence=1, audio=pb.InputAudio(data=b"sound"))
    say = pb.VoiceSessionRequest(control=pb.Control(say=pb.Say(text="hello")))
    messages = [pb.VoiceSessionRequest(config=config), audio, say]
    return [message.SerializeToString() for message in messages]


_SEEDS: Mapping[str, Callable[[], list[bytes]]] = {
    "decoder": _announced,
    "going_on": _broken_off,
    "webm": _of(Encoding.WEBM_OPUS),
    "ogg": _of(Encoding.OGG_OPUS),
    "wav": _of(Encoding.WAV, Form("wav", "pcm_s16le", 8_000)),
    "mp4": _of(Encoding.MP4, Form("mp4", "aac")),
    "mp3": _of(Encoding.MP3),
    "flac": _of(Encoding.FLAC),
    "mp3_cutter": _of(Encoding.MP3),
    "recognition": _starts,
    "cedar_websocket": _golden("browser"),
    "streaming": _golden("browser"),
    "cedar_os": _forms,
    "headers": _headers,
    "frames": _responses,
    "requests": _requests,
}
