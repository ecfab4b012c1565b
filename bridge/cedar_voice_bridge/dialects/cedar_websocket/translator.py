"""One connection in the dialect: frames in, requests out, and back."""

import cedar_voice.v1 as pb
from cedar_voice_bridge.dialects.cedar_websocket.deduplication import MessageDeduplicator
from cedar_voice_bridge.dialects.cedar_websocket.frames import AudioComplete, Auth, Numbered
from cedar_voice_bridge.dialects.cedar_websocket.requests import read, requests_of
from cedar_voice_bridge.dialects.cedar_websocket.responses import (
    encode_frame,
    frames_of,
    greeting,
    refusal,
)
from cedar_voice_bridge.translation.configuration import (
    chunk_by_chunk_config,
    is_chunk_by_chunk,
)
from cedar_voice_bridge.translation.errors import DialectError
from cedar_voice_bridge.translation.numbering import sequence_of

_TURN_METRICS = '{"type":"turn_metrics"'


class CedarWebSocketTranslator:
    """One connection. It remembers which responses still owe the client their `audio_complete`."""

    def __init__(self) -> None:
        self._sounding: set[int] = set()
        self._chat = MessageDeduplicator()

    def open(self, session_id: str) -> pb.SessionConfig:
        """The configuration that a session of this dialect opens with."""
        return chunk_by_chunk_config(session_id)

    def greet(self, session_id: str) -> list[str]:
        """The frames that a browser gets at once."""
        return [greeting(session_id)]

    def decode(self, frame: str) -> list[pb.VoiceSessionRequest]:
        """What a frame asks of the session; nothing for `auth`, which is the bridge's business.

        Raises:
            DialectError: the frame is not of this dialect.
        """
        message = read(frame)
        requests = requests_of(message)
        if isinstance(message, Numbered) and message.seq:
            requests[-1].sequence = sequence_of(message.seq)
        return requests

    def token_in(self, frame: str) -> str | None:
        """The token of an `auth` frame; None for any other frame.

        Raises:
            DialectError: the frame is not of this dialect.
        """
        message = read(frame)
        return message.token if isinstance(message, Auth) else None

    def encode(self, response: pb.VoiceSessionResponse) -> list[str]:
        """The frames that say what the service says; none for what this dialect does not know."""
        match response.WhichOneof("payload"):
            case "ready":
                output = response.ready.output_audio
                self._chat.adds_messages = is_chunk_by_chunk(output)
            case "response" if response.response.HasField("started"):
                self._sounding.add(response.response.response_id)
            case "audio" if response.audio.is_last:
                self._sounding.discard(response.audio.response_id)
        return [frame for told in self._chat.told(response) for frame in frames_of(told)]

    def refuse(self, error: DialectError) -> list[str]:
        """The frames that tell a browser what is wrong with a frame of its own."""
        return [refusal(error)]

    def ends_turn(self, frame: str) -> bool:
        """Whether a frame is the last of its turn."""
        return frame.startswith(_TURN_METRICS)

    def close(self, error: pb.Error | None) -> list[str]:
        """What is owed when nothing more comes: an end to every response and sound; the reason."""
        owed, self._sounding = sorted(self._sounding), set()
        last = self._chat.release_withheld()
        reason = [] if error is None else [pb.VoiceSessionResponse(error=error)]
        return [
            *(frame for told in last for frame in frames_of(told)),
            *(encode_frame(AudioComplete(response_id=response_id)) for response_id in owed),
            *(frame for told in reason for frame in frames_of(told)),
        ]
