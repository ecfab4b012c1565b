"""The translator of the sample dialect: lines up, replies down."""

import msgspec

import cedar_voice.v1 as pb
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_bridge.translation.requests import read_frame
from cedar_voice_bridge.translation.responses import encode_frame
from tests.bridge.sample_dialect.frames import Line, Over, Problem, Reply, Token, UpFrame

_DECODER: msgspec.json.Decoder[UpFrame] = msgspec.json.Decoder(UpFrame)
_OVER = encode_frame(Over())


def requests_of(text: str) -> list[pb.VoiceSessionRequest]:
    """Return the request of a typed line."""
    return [pb.VoiceSessionRequest(text=pb.TextInput(text=text))]


class SampleTranslator:
    """One socket. It has no state."""

    def greet(self, session_id: str) -> list[str]:
        """Return no frames."""
        return []

    def decode(self, frame: str) -> list[pb.VoiceSessionRequest]:
        """Return the request of a line; none for a token."""
        message = read_frame(frame, _DECODER)
        return requests_of(message.text) if isinstance(message, Line) else []

    def token_in(self, frame: str) -> str | None:
        """Return the token in a frame; None for a line."""
        message = read_frame(frame, _DECODER)
        return message.token if isinstance(message, Token) else None

    def encode(self, response: pb.VoiceSessionResponse) -> list[str]:
        """Return the frame of a whole answer, or of the end of a turn."""
        if response.response.HasField("completed"):
            return [encode_frame(Reply(response.response.completed.text))]
        return [_OVER] if response.HasField("metrics") else []

    def ends_turn(self, frame: str) -> bool:
        """Whether a frame is the last one of its turn."""
        return frame == _OVER

    def refuse(self, error: DialectError) -> list[str]:
        """Return the frame that reports an error."""
        return [encode_frame(Problem(error.message))]

    def close(self, error: pb.Error | None) -> list[str]:
        """Return the frame that reports the error, if there is one."""
        return [] if error is None else [encode_frame(Problem(error.message))]
